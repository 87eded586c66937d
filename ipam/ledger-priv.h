#ifndef IPAM_LEDGER_PRIV_H
#define IPAM_LEDGER_PRIV_H

/*
 * Shared by ipam/ledger*.c only.
 */

#include "ipam/ledger.h"

struct ledger {
	struct table *table;
	char uuid[37]; /* "" until it was read */
};

/** ledger_unreadable() - Raise that a record is not what was written */
int ledger_unreadable(struct ledger *ledger, const char *what,
		      struct error *err);

/** ledger_hold() - An address is in an entry */
int ledger_hold(struct ledger *ledger, const char *pool,
		const struct inet_addr *addr, const struct table_key *holder,
		struct error *err);

/** ledger_number() - The next number: of a line, or of an attempt */
int ledger_number(struct ledger *ledger, uint64_t *ret, struct error *err);

#endif
