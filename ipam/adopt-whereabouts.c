/*
 * A range's addresses from Whereabouts' pools to Reservations, and back. Each is
 * made where it is missing, under the owner that it has already; what is taken
 * there is the server's to say, so two that run at once, or an ADD, cannot make
 * one address two owners'.
 *
 * Only a DEL is not seen: one that looks in the other world before we have made
 * what it would release. So what an address is adopted from is read again at the
 * end, and where it is gone, what was made for it is taken back. A DEL that comes
 * later than that finds it: it looks where the address was adopted from first,
 * and behind that where it is adopted to (store-both.c).
 *
 * Killed before that second read, it may leave one that nobody releases. It is
 * owned by a pod that is gone, and is found by that: a Reservation by its node's
 * gc, a key by Whereabouts' reconciler; "shimctl ipam check" tells it.
 */

#include "ipam/adopt-whereabouts-priv.h"

#include <stdio.h>
#include <sys/random.h>

void adopt_over_clear(struct adopt_over *over)
{
	worlds_keys_clear(&over->keys);
	cluster_list_clear(&over->objects);
	free(over->made);
	free(over->boots);
	kube_close(over->cluster.kube);
}

static int name_run(struct adopt_over *over, struct error *err)
{
	uint8_t bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return error_set(err, ERROR_INTERNAL, errno, "getrandom");
	for (size_t i = 0; i < sizeof(bytes); i++)
		sprintf(over->run + 2 * i, "%02x", bytes[i]);
	return 0;
}

int adopt_over_init(struct adopt_over *over, const struct adopt *adopt,
		    struct error *err)
{
	const struct ipam_config *config = adopt->config;
	int r;

	over->adopt = adopt;
	over->cluster.config = config;
	r = name_run(over, err);
	if (r == 0)
		r = worlds_read_keys(&over->cluster, config, &over->keys, err);
	return r < 0 ? r
		     : worlds_read_objects(&over->cluster, config,
					   &over->objects, err);
}

int adopt_made_add(struct adopt_over *over, const struct inet_addr *addr,
		   const char *uid, const char *overlap, struct error *err)
{
	struct adopt_made *grown;

	grown = reallocarray(over->made, over->n_made + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	over->made = grown;
	grown += over->n_made++;
	*grown = (struct adopt_made){ .addr = *addr };
	snprintf(grown->uid, sizeof(grown->uid), "%s", uid);
	snprintf(grown->overlap, sizeof(grown->overlap), "%s", overlap);
	return 0;
}

void adopt_say_conflict(const struct adopt_over *over,
			const struct worlds_key *key,
			const struct reservation *object)
{
	char a[WORLDS_OWNER], b[WORLDS_OWNER];

	adopt_say(over->adopt, ADOPT_CONFLICT, &object->address,
		  "in the pool it is of %.450s; it is reserved for %.450s",
		  worlds_key_owner(key, a), worlds_object_owner(object, b));
}
