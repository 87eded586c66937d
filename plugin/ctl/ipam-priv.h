#ifndef PLUGIN_CTL_IPAM_PRIV_H
#define PLUGIN_CTL_IPAM_PRIV_H

/* What the files of "shimctl ipam" share. */

#include "ipam/adopt.h"
#include "ipam/ipam.h"
#include "plugin/ctl/ctl.h"

struct book {
	struct ctl *ctl;
	const struct network *network;
	struct ipam *ipam;
	struct store_records records; /* of this network */
	struct adopt_compared compared; /* check: what servers have */
};

/** book_open() - Store and records
 * Return: CTL_OK, CTL_CANNOT, or negative */
int book_open(struct book *book, bool read_only, struct error *err);

/** book_tell() - What every node shares, against what this one knows: a
 * store_tell on struct book */
void book_tell(void *arg, const struct store_finding *finding);

/** book_check_host() - The node's own addresses. Return: 0, or negative */
int book_check_host(struct book *book, struct error *err);

/** book_release_host() - One of them is given back, if it is
 * Return: as commands */
int book_release_host(struct book *book, const struct inet_addr *addr,
		      struct error *err);

/** book_collect() - gc --cluster. Return: an exit status, or negative */
int book_collect(struct ctl *ctl, struct error *err);

/* The verbs; they return as commands do. */
int book_check(struct book *book, struct error *err);
int book_release(struct book *book, struct error *err);
int book_adopt(struct book *book, struct error *err);

/** book_compare() - What two worlds serve one range, and differ in
 * Return: 0, or negative */
int book_compare(struct book *book, struct error *err);

#endif
