/*
 * From Reservations to pools. Each is taken as an ADD would take it
 * (whereabouts-take.c), also where the key is there already: it may lack its
 * overlap record.
 */

#include "ipam/adopt-whereabouts-priv.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TAKE_TRIES    5 /* an ADD of "both" may hold a key for a moment */
#define TAKE_PAUSE_NS 400000000

/* As one takes it; strings are @podref's, @id's and the object's. */
static int claim_of(const struct adopt_over *over,
		    const struct reservation *object,
		    char podref[static WHEREABOUTS_PODREF],
		    char id[static WHEREABOUTS_NAME + 4],
		    struct whereabouts_claim *ret)
{
	const struct ipam_config *config = over->adopt->config;

	if (object->is_host)
		return worlds_claim_host(config, object->node, &object->address,
					 id, ret);
	*ret = (struct whereabouts_claim){
		.network = config->pool,
		.range = worlds_range_of(config, &object->address),
		.holder = { .podref = podref,
			    .id = object->container_id,
			    .ifname = object->ifname },
		.has_overlap = config->overlap,
	};
	/* Of no pod: as a node's, nobody collects it. */
	if (whereabouts_podref(object->pod_namespace, object->pod_name,
			       podref) != 0)
		*podref = '\0';
	return 0;
}

static int take_patiently(struct adopt_over *over,
			  const struct whereabouts_claim *claim,
			  const struct inet_addr *addr,
			  struct whereabouts_got *got, struct error *err)
{
	const struct timespec pause = { .tv_nsec = TAKE_PAUSE_NS };
	int r;

	for (int i = 0;; i++) {
		cleanup_whereabouts_view struct whereabouts_view view =
			WHEREABOUTS_VIEW_INIT;

		*got = (struct whereabouts_got){ 0 };
		r = whereabouts_take(&over->cluster, claim, addr, &view, got,
				     err);
		if (r != WHEREABOUTS_TAKEN || i == TAKE_TRIES)
			return r;
		nanosleep(&pause, NULL);
	}
}

static void say_taken(const struct adopt_over *over,
		      const struct reservation *object,
		      const struct whereabouts_got *got)
{
	const struct whereabouts_owner *owner = &got->owner;
	struct worlds_key key = { .addr = object->address };
	char a[WORLDS_OWNER], b[WORLDS_OWNER];

	snprintf(key.podref, sizeof(key.podref), "%s", owner->podref);
	snprintf(key.id, sizeof(key.id), "%s", owner->id);
	snprintf(key.ifname, sizeof(key.ifname), "%s", owner->ifname);
	if (!got->is_elsewhere) {
		adopt_say_conflict(over, &key, object);
		return;
	}
	adopt_say(over->adopt, ADOPT_CONFLICT, &object->address,
		  "its overlap record is of %.450s; it is reserved for %.450s",
		  worlds_key_owner(&key, a), worlds_object_owner(object, b));
}

static int say_object(const struct adopt_over *over, enum adopt_kind kind,
		      const struct reservation *object)
{
	char owner[WORLDS_OWNER];

	adopt_say(over->adopt, kind, &object->address, "%s",
		  worlds_object_owner(object, owner));
	return 0;
}

static int adopt_object(struct adopt_over *over,
			const struct reservation *object, struct error *err)
{
	const struct worlds_key *have = worlds_find_key(&over->keys,
							&object->address);
	char podref[WHEREABOUTS_PODREF];
	char id[WHEREABOUTS_NAME + 4];
	struct whereabouts_claim claim;
	struct whereabouts_got got;
	int r;

	if (have && !worlds_is_same(have, object)) {
		adopt_say_conflict(over, have, object);
		return 0;
	}
	if (over->adopt->dry_run)
		return say_object(over, have ? ADOPT_KNOWN : ADOPT_NEW, object);
	if (claim_of(over, object, podref, id, &claim) != 0)
		return error_set(err, ERROR_CONFIG, 0,
				 "node %s has no name that a pool could keep",
				 object->node);
	/* It may lack its overlap record; somebody else may have that. */
	claim.is_had = have != NULL;
	r = take_patiently(over, &claim, &object->address, &got, err);
	if (r == WHEREABOUTS_TAKEN) {
		say_taken(over, object, &got);
		return 0;
	}
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(&over->cluster, err);
	if (r < 0)
		return r;
	say_object(over, have ? ADOPT_KNOWN : ADOPT_NEW, object);
	return have ? 0
		    : adopt_made_add(over, &object->address, object->uid,
				     got.uid, err);
}

/* --- once more -------------------------------------------------------------------- */

static int verify_key(struct adopt_over *over, const struct cluster_list *now,
		      const struct adopt_made *made, struct error *err)
{
	const struct reservation *was = worlds_find_object(&over->objects,
							   &made->addr);
	const struct reservation *is = worlds_find_object(now, &made->addr);
	char podref[WHEREABOUTS_PODREF];
	char id[WHEREABOUTS_NAME + 4];
	char owner[WORLDS_OWNER];
	struct whereabouts_claim claim;
	int r;

	if (is && strcmp(is->uid, was->uid) == 0)
		return 0;
	if (claim_of(over, was, podref, id, &claim) != 0)
		return 0;
	r = whereabouts_give(&over->cluster, &claim, &made->addr, made->overlap,
			     err);
	if (r != 0)
		return r < 0 ? r : cluster_unknown(&over->cluster, err);
	adopt_say(over->adopt, ADOPT_LEFT, &made->addr,
		  "%s: it was released meanwhile",
		  worlds_object_owner(was, owner));
	return 0;
}

static int verify_keys(struct adopt_over *over, struct error *err)
{
	cleanup_cluster_list struct cluster_list now = { 0 };
	int r = 0;

	if (over->n_made)
		r = worlds_read_objects(&over->cluster, over->adopt->config,
					&now, err);
	for (size_t i = 0; i < over->n_made && r == 0; i++)
		r = verify_key(over, &now, &over->made[i], err);
	return r;
}

int adopt_to_whereabouts(const struct adopt *adopt, struct error *err)
{
	cleanup_adopt_over struct adopt_over over = { 0 };
	struct error next = { 0 };
	int r = adopt_over_init(&over, adopt, err);

	for (size_t i = 0; i < over.objects.count && r == 0; i++)
		r = adopt_object(&over, &over.objects.items[i], err);
	if (verify_keys(&over, &next) < 0)
		error_keep_first(err, &next);
	return error_return(err);
}
