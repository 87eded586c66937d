#ifndef IPAM_OCCUPANCY_PRIV_H
#define IPAM_OCCUPANCY_PRIV_H

/*
 * Shared by ipam/occupancy*.c only. The records, and what each is for, are told in
 * occupancy.c.
 */

#include "ipam/occupancy.h"

/* --- keys and states (occupancy.c) ------------------------------------------------ */

size_t occupancy_address_len(const struct occupancy *occupancy);

/** occupancy_space_key() - What the keys of a kind begin with
 * Return: its length */
size_t occupancy_space_key(const struct occupancy *occupancy, char kind,
			   struct table_key *key);
void occupancy_address_key(const struct occupancy *occupancy, char kind,
			   inet_uint value, struct table_key *key);

/** occupancy_key_address() - The address that a key ends with */
inet_uint occupancy_key_address(const struct occupancy *occupancy,
				const struct table_key *key);

/** occupancy_inconsistent() - Raise that the records contradict each other */
int occupancy_inconsistent(const struct occupancy *occupancy, inet_uint value,
			   const char *what, struct error *err);

/* What an X record says. */
struct occupancy_state {
	uint8_t state;
	uint64_t until_ms;
	size_t len; /* of what follows: holder's key, or owner */
	const uint8_t *rest;
};

/** occupancy_state_get() - OCCUPANCY_FREE, _USED, _RESTING, or negative
 * @ret:	Borrows from the table, until it is changed */
int occupancy_state_get(const struct occupancy *occupancy, inet_uint value,
			struct occupancy_state *ret, struct error *err)
	warn_unused;
int occupancy_state_put(const struct occupancy *occupancy, inet_uint value,
			const struct occupancy_state *state, struct error *err);

/** occupancy_free() - It has no state, and is in no run; its rest has ended */
int occupancy_free(const struct occupancy *occupancy, inet_uint value,
		   struct error *err);

/* --- runs (occupancy-run.c) ------------------------------------------------------- */

int occupancy_runs_add(const struct occupancy *occupancy, inet_uint value,
		       struct error *err);
int occupancy_runs_remove(const struct occupancy *occupancy, inet_uint value,
			  struct error *err);

/** occupancy_count_runs() - Addresses of the runs inside [first, last]
 * @ret:	Grows */
int occupancy_count_runs(const struct occupancy *occupancy, inet_uint first,
			 inet_uint last, inet_uint *ret, struct error *err);

/* --- rests (occupancy-rest.c) ----------------------------------------------------- */

int occupancy_rest_begin(const struct occupancy *occupancy, inet_uint value,
			 uint64_t rest_ms, struct error *err);

/** occupancy_rest_end() - Out of the two orders of resting addresses; its state
 * is the caller's */
int occupancy_rest_end(const struct occupancy *occupancy, inet_uint value,
		       const struct occupancy_state *state, struct error *err);

/** occupancy_count_resting() - Candidates that rest
 * @ret:	Grows */
int occupancy_count_resting(const struct occupancy *occupancy,
			    const struct ipam_range_set *set, inet_uint *ret,
			    struct error *err);

#endif
