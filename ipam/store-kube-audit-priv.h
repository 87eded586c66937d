#ifndef IPAM_STORE_KUBE_AUDIT_PRIV_H
#define IPAM_STORE_KUBE_AUDIT_PRIV_H

/*
 * The server beside the ledger, for ipam/store-kube-audit*.c only.
 */

#include "ipam/store-kube-priv.h"

struct audit {
	struct cluster *cluster;
	bool repair;
	store_tell tell;
	void *arg;
	struct cluster_list list;
	struct ledger_entries entries;
	uint64_t version; /* highest seen, before the list */
	unsigned int open; /* differences that could not be repaired now */
	bool is_contested; /* what lives here, another has reserved */
};

/** audit_tell() - A difference, and whether it is one still */
void audit_tell(struct audit *audit, enum store_difference kind,
		const struct inet_addr *addr, bool is_repaired, const char *fmt,
		...) printf_like(5, 6);

/** audit_address() - One of a live attachment (store-kube-audit-address.c): it
 * is reserved again if the server has forgotten it */
int audit_address(struct audit *audit, const struct ledger_entry *entry,
		  size_t index, struct error *err);

#endif
