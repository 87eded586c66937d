#ifndef IPAM_BESIDE_H
#define IPAM_BESIDE_H

/*
 * The world beside ours: does the other store that could serve the configured
 * ranges give addresses of them too? With "kubernetes" these are Whereabouts'
 * pools; with "whereabouts", on a node that has had others, Reservations. (With
 * "both" there is no other, and a local table is nobody else's.)
 *
 * Asking costs a request or two, so a node asks once a minute and remembers.
 */

#include "ipam/config.h"

struct beside {
	bool is_used; /* something of these ranges is there */
	bool is_strange; /* and is unknown here, and its owner lives */
	char example[400]; /* one of these: "10.1.2.7: pod a/b, ..." */
};

/**
 * beside_look() - What is beside ours, as far as it is known
 * @read_only:	Nothing is remembered
 * @limit_ms:	For asking; what cannot be told in that time is told as it was
 *		last known
 *
 * Never fails: nobody's ADD or DEL depends on it.
 */
void beside_look(const struct ipam_config *config, bool read_only,
		 unsigned int limit_ms, struct beside *ret);

/** beside_text() - What is wrong, and what to do; returns @buf */
#define BESIDE_TEXT 700
const char *beside_text(const struct ipam_config *config,
			const struct beside *beside,
			char buf[static BESIDE_TEXT]);

#endif
