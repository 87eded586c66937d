#ifndef PLUGIN_CLAIM_H
#define PLUGIN_CLAIM_H

/*
 * The addresses of one attachment: ours to give, a delegate's, or none at all.
 * Knows no interface of the pod but by its record.
 */

#include "ipam/ipam.h"
#include "plugin/config.h"
#include "plugin/request.h"

struct claim {
	const struct request *request;
	const struct config *config;
	struct store_attachment key;
	struct ipam *ipam; /* opened when first needed */
	struct ipam_result given;
};

/** claim_init() - Nothing is opened yet; claim_clear() */
struct claim claim_init(const struct request *request,
			const struct config *config);
void claim_clear(struct claim *claim);
#define cleanup_claim cleanup(claim_clear)

/** claim_is_ours() - The addresses come from our own store */
bool claim_is_ours(const struct claim *claim);

/**
 * claim_is_unfinished() - Is there a record of an ADD that did not end?
 *
 * Whether its process lives is for claim_reserve() to find out.
 *
 * Return: 1 or 0, or negative
 */
int claim_is_unfinished(struct claim *claim, struct error *err);

/**
 * claim_reserve() - Addresses into @claim->given, recorded as pending
 * @pod_netns:	Of the attachment
 *
 * What an ADD that died left is taken over. So is the record of an attachment
 * whose interface is gone: the runtime lost its DEL.
 *
 * Return: 0, or negative: as ipam_reserve(), and ERROR_IFNAME_EXISTS for an
 * attachment that lives
 */
int claim_reserve(struct claim *claim, int pod_netns, struct error *err);

/**
 * claim_refuse() - Somebody outside of the store has @addr: another one for it
 * @whose:	MAC, as text
 *
 * The refused one rests for a while. @claim->given is what is reserved now.
 */
int claim_refuse(struct claim *claim, const struct inet_addr *addr,
		 const char *whose, int pod_netns, struct error *err);

/** claim_confirm() - The attachment is live; ERROR_AGAIN if it was released */
int claim_confirm(struct claim *claim, struct error *err);

/** claim_is_delegated() - They come from another plugin */
bool claim_is_delegated(const struct claim *claim);

/**
 * claim_delegate() - Let the delegate give them, once the interface exists
 *
 * On failure, too, claim_release() is due.
 */
int claim_delegate(struct claim *claim, struct error *err);

/** claim_needs_link() - Is the interface needed to give them back? */
bool claim_needs_link(const struct claim *claim);

/** claim_release() - Give back; having none is success */
int claim_release(struct claim *claim, struct error *err);

/**
 * claim_check() - CHECK: is what is reserved for it, or always given, in
 * prevResult? Without one, is there a reservation?
 */
int claim_check(struct claim *claim, struct error *err);

#endif
