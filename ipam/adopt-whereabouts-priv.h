#ifndef IPAM_ADOPT_WHEREABOUTS_PRIV_H
#define IPAM_ADOPT_WHEREABOUTS_PRIV_H

/*
 * One run between Whereabouts' pools and Reservations, for
 * ipam/adopt-*whereabouts*.c only; what is promised is told in
 * adopt-whereabouts.c.
 */

#include "ipam/adopt-priv.h"
#include "ipam/worlds.h"

/* One that was made, and may have to be taken back. */
struct adopt_made {
	struct inet_addr addr;
	char uid[LEDGER_UID]; /* of the object */
	char overlap[LEDGER_UID]; /* of the key's overlap record */
};

/* A Node that was asked for; boot_id "" if it is gone, or does not say. */
struct adopt_boot {
	char node[254];
	char boot_id[65];
};

struct adopt_over {
	const struct adopt *adopt;
	struct cluster cluster;
	struct worlds_keys keys;
	struct cluster_list objects;
	struct adopt_made *made;
	size_t n_made;
	struct adopt_boot *boots;
	size_t n_boots;
	char run[33]; /* this run's name, for its attempts */
	unsigned int attempts;
};

void adopt_over_clear(struct adopt_over *over);
#define cleanup_adopt_over cleanup(adopt_over_clear)

/** adopt_over_init() - Reads what both worlds have; clear it whatever comes of it */
int adopt_over_init(struct adopt_over *over, const struct adopt *adopt,
		    struct error *err);

/** adopt_made_add() - One was made, to be looked at again at the end */
int adopt_made_add(struct adopt_over *over, const struct inet_addr *addr,
		   const char *uid, const char *overlap, struct error *err);

/** adopt_say_conflict() - Tell who has it in each world */
void adopt_say_conflict(const struct adopt_over *over,
			const struct worlds_key *key,
			const struct reservation *object);

#endif
