#ifndef PLUGIN_CTL_NFT_H
#define PLUGIN_CTL_NFT_H

/*
 * What nft(8) tells of the node's packet filter. It is run for it: the format in
 * which the kernel has the rules is between it and the kernel.
 */

#include "lib/json.h"

#define NFT_WORDS 4 /* behind "list", at most */

/** nft_path() - Where it is; NULL: nowhere */
const char *nft_path(void);

/**
 * nft_list() - "nft -j list WORD..."
 * @words:	End with NULL
 * @deadline:	On the clock of file_boottime_ms()
 * @ret:	The document; NULL if it said nothing. Yours
 *
 * Return: NULL, or why it is not known, in words
 */
const char *nft_list(const char *path, const char *const *words,
		     uint64_t deadline, struct json **ret);

#endif
