/*
 * From pools to Reservations. A key says a podref, a container and perhaps an
 * interface; a Reservation says more, and the API server's Pods and Nodes fill it
 * in. Where one is gone, or says too little, the key is left and told: what is
 * adopted must be found again by who frees it.
 */

#include "ipam/adopt-whereabouts-priv.h"

#include "ipam/cluster-pod.h"

#include <stdio.h>
#include <string.h>

/* --- for whom --------------------------------------------------------------------- */

#define FILL(want, member, text)                                               \
	snprintf((want)->member, sizeof((want)->member), "%s", text)

/* Return: 0, CLUSTER_ABSENT, or negative */
static int fill_boot(struct adopt_over *over, const char *node,
		     struct reservation *want, struct error *err)
{
	struct adopt_boot *grown;
	int r;

	FILL(want, node, node);
	for (size_t i = 0; i < over->n_boots; i++)
		if (strcmp(over->boots[i].node, node) == 0) {
			FILL(want, boot_id, over->boots[i].boot_id);
			return *want->boot_id ? 0 : CLUSTER_ABSENT;
		}
	r = cluster_node_get(&over->cluster, node, want->boot_id, err);
	if (r < 0)
		return r;
	grown = reallocarray(over->boots, over->n_boots + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	over->boots = grown;
	grown += over->n_boots++;
	*grown = (struct adopt_boot){ 0 };
	snprintf(grown->node, sizeof(grown->node), "%s", node);
	FILL(grown, boot_id, want->boot_id);
	return *want->boot_id ? 0 : CLUSTER_ABSENT;
}

static int leave(const struct adopt_over *over, const struct worlds_key *key,
		 enum adopt_kind kind, const char *why)
{
	char owner[WORLDS_OWNER];

	adopt_say(over->adopt, kind, &key->addr, "%s: %s",
		  worlds_key_owner(key, owner), why);
	return CLUSTER_ABSENT;
}

static int want_host(struct adopt_over *over, const struct worlds_key *key,
		     const char *node, struct reservation *want,
		     struct error *err)
{
	int r = fill_boot(over, node, want, err);

	want->is_host = true;
	return r == CLUSTER_ABSENT
		       ? leave(over, key, ADOPT_LEFT_NODE,
			       "there is no such Node, or it does not say its boot")
		       : r;
}

static int want_pod(struct adopt_over *over, const struct worlds_key *key,
		    struct reservation *want, struct error *err)
{
	struct cluster_pod pod;
	const char *name;
	int r;

	r = cluster_podref_get(&over->cluster, key->podref, want->pod_namespace,
			       &name, &pod, err);
	if (r == CLUSTER_ABSENT)
		return leave(over, key, ADOPT_LEFT, "there is no such Pod");
	if (r < 0)
		return r;
	FILL(want, pod_name, name);
	FILL(want, pod_uid, pod.uid);
	FILL(want, container_id, key->id);
	FILL(want, ifname, key->ifname);
	FILL(want, network, over->adopt->network);
	if (!*pod.node)
		return leave(over, key, ADOPT_UNCLEAR, "the Pod is on no node");
	r = fill_boot(over, pod.node, want, err);
	return r == CLUSTER_ABSENT
		       ? leave(over, key, ADOPT_UNCLEAR,
			       "there is no such Node as the Pod's, or it does not say its boot")
		       : r;
}

/* Return: 0, CLUSTER_ABSENT (told), or negative */
static int want_fill(struct adopt_over *over, const struct worlds_key *key,
		     struct reservation *want, struct error *err)
{
	const char *node = whereabouts_host(key->podref, key->id);

	*want = (struct reservation){ .address = key->addr };
	FILL(want, pool, over->adopt->config->pool);
	snprintf(want->attempt, sizeof(want->attempt), "%s%s.%u",
		 RESERVATION_ADOPTED, over->run, ++over->attempts);
	if (node)
		return want_host(over, key, node, want, err);
	if (!*key->podref)
		return leave(over, key, ADOPT_NOBODYS,
			     "it is no pod's and no node's");
	return want_pod(over, key, want, err);
}

/* --- making them ------------------------------------------------------------------ */

static int say_new(struct adopt_over *over, const struct worlds_key *key,
		   const char *uid, struct error *err)
{
	char owner[WORLDS_OWNER];

	adopt_say(over->adopt, ADOPT_NEW, &key->addr, "%s",
		  worlds_key_owner(key, owner));
	return *uid ? adopt_made_add(over, &key->addr, uid, "", err) : 0;
}

static void say_known(const struct adopt_over *over,
		      const struct worlds_key *key)
{
	char owner[WORLDS_OWNER];

	adopt_say(over->adopt, ADOPT_KNOWN, &key->addr, "%s",
		  worlds_key_owner(key, owner));
}

/* One is there, or no answer says so. */
static int look_object(struct adopt_over *over, const struct worlds_key *key,
		       const char *attempt, struct error *err)
{
	struct reservation have;
	char name[RESERVATION_NAME];
	int r;

	reservation_name(over->adopt->config->pool, &key->addr, name);
	r = cluster_get(&over->cluster, name, &have, err);
	if (r < 0)
		return r;
	if (r != 0)
		return error_set(
			err, ERROR_AGAIN, 0,
			"whether %s is reserved is not known: run it again",
			name);
	if (strcmp(have.attempt, attempt) == 0)
		return say_new(over, key, have.uid, err);
	if (worlds_is_same(key, &have))
		say_known(over, key);
	else
		adopt_say_conflict(over, key, &have);
	return 0;
}

/* What these credentials may not reserve, others may. */
static int not_allowed(const struct adopt_over *over,
		       const struct worlds_key *key, struct error *err)
{
	const struct error refused = *err;
	char owner[WORLDS_OWNER];

	if (refused.code != ERROR_CONFIG)
		return error_return(err);
	*err = (struct error){ 0 };
	adopt_say(over->adopt, ADOPT_FORBIDDEN, &key->addr, "%.300s: %.600s",
		  worlds_key_owner(key, owner), refused.details);
	return 0;
}

static int make_object(struct adopt_over *over, const struct worlds_key *key,
		       struct error *err)
{
	struct reservation want, got;
	int r;

	r = want_fill(over, key, &want, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (over->adopt->dry_run)
		return say_new(over, key, "", err);
	r = cluster_post(&over->cluster, &want, &got, err);
	if (r == 0)
		return say_new(over, key, got.uid, err);
	return r < 0 ? not_allowed(over, key, err)
		     : look_object(over, key, want.attempt, err);
}

static int adopt_key(struct adopt_over *over, const struct worlds_key *key,
		     struct error *err)
{
	const struct reservation *have = worlds_find_object(&over->objects,
							    &key->addr);

	if (!have)
		return make_object(over, key, err);
	if (worlds_is_same(key, have))
		say_known(over, key);
	else
		adopt_say_conflict(over, key, have);
	return 0;
}

/* --- once more -------------------------------------------------------------------- */

/* Is the key that it was made for still there, as it was? */
static int verify_object(struct adopt_over *over, const struct worlds_keys *now,
			 const struct adopt_made *made, struct error *err)
{
	const struct worlds_key *was = worlds_find_key(&over->keys,
						       &made->addr);
	const struct worlds_key *is = worlds_find_key(now, &made->addr);
	char name[RESERVATION_NAME];
	int r;

	if (is && strcmp(is->id, was->id) == 0 &&
	    strcmp(is->ifname, was->ifname) == 0)
		return 0;
	reservation_name(over->adopt->config->pool, &made->addr, name);
	r = cluster_delete(&over->cluster, name, made->uid, err);
	if (r != 0)
		return r < 0 ? r : cluster_unknown(&over->cluster, err);
	leave(over, was, ADOPT_LEFT, "it was released meanwhile");
	return 0;
}

static int verify_objects(struct adopt_over *over, struct error *err)
{
	cleanup_worlds_keys struct worlds_keys now = { 0 };
	int r = 0;

	if (over->n_made)
		r = worlds_read_keys(&over->cluster, over->adopt->config, &now,
				     err);
	for (size_t i = 0; i < over->n_made && r == 0; i++)
		r = verify_object(over, &now, &over->made[i], err);
	return r;
}

int adopt_from_whereabouts(const struct adopt *adopt, struct error *err)
{
	cleanup_adopt_over struct adopt_over over = { 0 };
	struct error next = { 0 };
	int r = adopt_over_init(&over, adopt, err);

	for (size_t i = 0; i < over.keys.count && r == 0; i++)
		r = adopt_key(&over, &over.keys.items[i], err);
	/* Also of what was made before something failed. */
	if (verify_objects(&over, &next) < 0)
		error_keep_first(err, &next);
	return error_return(err);
}
