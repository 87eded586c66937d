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

#include "ipam/adopt-priv.h"
#include "ipam/cluster-pod.h"
#include "ipam/worlds.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define TAKE_TRIES    5 /* an ADD of "both" may hold a key for a moment */
#define TAKE_PAUSE_NS 400000000

/* One that was made, and may have to be taken back. */
struct made {
	struct inet_addr addr;
	char uid[LEDGER_UID]; /* of the object */
	char overlap[LEDGER_UID]; /* of the key's overlap record */
};

/* A Node that was asked for; boot_id "" if it is gone, or does not say. */
struct boot {
	char node[254];
	char boot_id[65];
};

struct over {
	const struct adopt *adopt;
	struct cluster cluster;
	struct worlds_keys keys;
	struct cluster_list objects;
	struct made *made;
	size_t n_made;
	struct boot *boots;
	size_t n_boots;
	char run[33]; /* this run's name, for its attempts */
	unsigned int attempts;
};

static void over_clear(struct over *over)
{
	worlds_keys_clear(&over->keys);
	cluster_list_clear(&over->objects);
	free(over->made);
	free(over->boots);
	kube_close(over->cluster.kube);
}
#define cleanup_over cleanup(over_clear)

static int over_init(struct over *over, const struct adopt *adopt,
		     struct error *err)
{
	uint8_t bytes[16];

	over->adopt = adopt;
	over->cluster.config = adopt->config;
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return error_set(err, ERROR_INTERNAL, errno, "getrandom");
	for (size_t i = 0; i < sizeof(bytes); i++)
		sprintf(over->run + 2 * i, "%02x", bytes[i]);
	return 0;
}

static int read_both(struct over *over, struct error *err)
{
	const struct ipam_config *config = over->adopt->config;
	int r = worlds_read_keys(&over->cluster, config, &over->keys, err);

	return r < 0 ? r
		     : worlds_read_objects(&over->cluster, config,
					   &over->objects, err);
}

static int made_add(struct over *over, const struct inet_addr *addr,
		    const char *uid, const char *overlap, struct error *err)
{
	struct made *grown;

	grown = reallocarray(over->made, over->n_made + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	over->made = grown;
	grown += over->n_made++;
	*grown = (struct made){ .addr = *addr };
	snprintf(grown->uid, sizeof(grown->uid), "%s", uid);
	snprintf(grown->overlap, sizeof(grown->overlap), "%s", overlap);
	return 0;
}

static void say_conflict(const struct over *over, const struct worlds_key *key,
			 const struct reservation *object)
{
	char a[WORLDS_OWNER], b[WORLDS_OWNER];

	adopt_say(over->adopt, ADOPT_CONFLICT, &object->address,
		  "in the pool it is of %.450s; it is reserved for %.450s",
		  worlds_key_owner(key, a), worlds_object_owner(object, b));
}

/* --- to Reservations: for whom --------------------------------------------------- */

#define FILL(want, member, text)                                               \
	snprintf((want)->member, sizeof((want)->member), "%s", text)

/* Return: 0, CLUSTER_ABSENT, or negative */
static int fill_boot(struct over *over, const char *node,
		     struct reservation *want, struct error *err)
{
	struct boot *grown;
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
	*grown = (struct boot){ 0 };
	snprintf(grown->node, sizeof(grown->node), "%s", node);
	FILL(grown, boot_id, want->boot_id);
	return *want->boot_id ? 0 : CLUSTER_ABSENT;
}

static int leave(const struct over *over, const struct worlds_key *key,
		 const char *why)
{
	char owner[WORLDS_OWNER];

	adopt_say(over->adopt, ADOPT_LEFT, &key->addr, "%s: %s",
		  worlds_key_owner(key, owner), why);
	return CLUSTER_ABSENT;
}

static int want_host(struct over *over, const struct worlds_key *key,
		     const char *node, struct reservation *want,
		     struct error *err)
{
	int r = fill_boot(over, node, want, err);

	want->is_host = true;
	return r == CLUSTER_ABSENT
		       ? leave(over, key,
			       "there is no such Node, or it does not say its boot")
		       : r;
}

static int want_pod(struct over *over, const struct worlds_key *key,
		    struct reservation *want, struct error *err)
{
	struct cluster_pod pod;
	const char *name;
	int r;

	r = cluster_podref_get(&over->cluster, key->podref, want->pod_namespace,
			       &name, &pod, err);
	if (r == CLUSTER_ABSENT)
		return leave(over, key, "there is no such Pod");
	if (r < 0)
		return r;
	FILL(want, pod_name, name);
	FILL(want, pod_uid, pod.uid);
	FILL(want, container_id, key->id);
	FILL(want, ifname, key->ifname);
	FILL(want, network, over->adopt->network);
	if (!*pod.node)
		return leave(over, key, "the Pod is on no node");
	r = fill_boot(over, pod.node, want, err);
	return r == CLUSTER_ABSENT
		       ? leave(over, key,
			       "there is no such Node as the Pod's, or it does not say its boot")
		       : r;
}

/* Return: 0, CLUSTER_ABSENT (told), or negative */
static int want_fill(struct over *over, const struct worlds_key *key,
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
		return leave(over, key, "it is no pod's and no node's");
	return want_pod(over, key, want, err);
}

/* --- to Reservations: making them -------------------------------------------------- */

static int say_new(struct over *over, const struct worlds_key *key,
		   const char *uid, struct error *err)
{
	char owner[WORLDS_OWNER];

	adopt_say(over->adopt, ADOPT_NEW, &key->addr, "%s",
		  worlds_key_owner(key, owner));
	return *uid ? made_add(over, &key->addr, uid, "", err) : 0;
}

static void say_known(const struct over *over, const struct worlds_key *key)
{
	char owner[WORLDS_OWNER];

	adopt_say(over->adopt, ADOPT_KNOWN, &key->addr, "%s",
		  worlds_key_owner(key, owner));
}

/* One is there, or no answer says so. */
static int look_object(struct over *over, const struct worlds_key *key,
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
		say_conflict(over, key, &have);
	return 0;
}

/* What these credentials may not reserve, others may. */
static int not_allowed(const struct over *over, const struct worlds_key *key,
		       struct error *err)
{
	const struct error refused = *err;
	char owner[WORLDS_OWNER];

	if (refused.code != ERROR_CONFIG)
		return error_return(err);
	*err = (struct error){ 0 };
	adopt_say(over->adopt, ADOPT_CONFLICT, &key->addr, "%.300s: %.600s",
		  worlds_key_owner(key, owner), refused.details);
	return 0;
}

static int make_object(struct over *over, const struct worlds_key *key,
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

static int adopt_key(struct over *over, const struct worlds_key *key,
		     struct error *err)
{
	const struct reservation *have = worlds_find_object(&over->objects,
							    &key->addr);

	if (!have)
		return make_object(over, key, err);
	if (worlds_is_same(key, have))
		say_known(over, key);
	else
		say_conflict(over, key, have);
	return 0;
}

/* Is the key that it was made for still there, as it was? */
static int verify_object(struct over *over, const struct worlds_keys *now,
			 const struct made *made, struct error *err)
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
	leave(over, was, "it was released meanwhile");
	return 0;
}

static int verify_objects(struct over *over, struct error *err)
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
	cleanup_over struct over over = { 0 };
	struct error next = { 0 };
	int r = over_init(&over, adopt, err);

	if (r == 0)
		r = read_both(&over, err);
	for (size_t i = 0; i < over.keys.count && r == 0; i++)
		r = adopt_key(&over, &over.keys.items[i], err);
	/* Also of what was made before something failed. */
	if (verify_objects(&over, &next) < 0)
		error_keep_first(err, &next);
	return error_return(err);
}

/* --- to pools ------------------------------------------------------------------------ */

/* As one takes it; strings are @podref's, @id's and the object's. */
static int claim_of(const struct over *over, const struct reservation *object,
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
		.has_overlap = true,
	};
	/* Of no pod: as a node's, nobody collects it. */
	if (whereabouts_podref(object->pod_namespace, object->pod_name,
			       podref) != 0)
		*podref = '\0';
	return 0;
}

static int take_patiently(struct over *over,
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

static void say_taken(const struct over *over, const struct reservation *object,
		      const struct whereabouts_owner *owner)
{
	struct worlds_key key = { .addr = object->address };

	snprintf(key.podref, sizeof(key.podref), "%s", owner->podref);
	snprintf(key.id, sizeof(key.id), "%s", owner->id);
	snprintf(key.ifname, sizeof(key.ifname), "%s", owner->ifname);
	say_conflict(over, &key, object);
}

static int say_object(const struct over *over, enum adopt_kind kind,
		      const struct reservation *object)
{
	char owner[WORLDS_OWNER];

	adopt_say(over->adopt, kind, &object->address, "%s",
		  worlds_object_owner(object, owner));
	return 0;
}

static int adopt_object(struct over *over, const struct reservation *object,
			struct error *err)
{
	const struct worlds_key *have = worlds_find_key(&over->keys,
							&object->address);
	char podref[WHEREABOUTS_PODREF];
	char id[WHEREABOUTS_NAME + 4];
	struct whereabouts_claim claim;
	struct whereabouts_got got;
	int r;

	if (have && !worlds_is_same(have, object)) {
		say_conflict(over, have, object);
		return 0;
	}
	if (over->adopt->dry_run)
		return say_object(over, have ? ADOPT_KNOWN : ADOPT_NEW, object);
	if (claim_of(over, object, podref, id, &claim) != 0)
		return error_set(err, ERROR_CONFIG, 0,
				 "node %s has no name that a pool could keep",
				 object->node);
	/* One that is there already may lack its overlap record. */
	r = take_patiently(over, &claim, &object->address, &got, err);
	if (r == WHEREABOUTS_TAKEN) {
		say_taken(over, object, &got.owner);
		return 0;
	}
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(&over->cluster, err);
	if (r < 0)
		return r;
	say_object(over, have ? ADOPT_KNOWN : ADOPT_NEW, object);
	return have ? 0
		    : made_add(over, &object->address, object->uid, got.uid,
			       err);
}

static int verify_key(struct over *over, const struct cluster_list *now,
		      const struct made *made, struct error *err)
{
	const struct reservation *was = worlds_find_object(&over->objects,
							   &made->addr);
	const struct reservation *is = worlds_find_object(now, &made->addr);
	char podref[WHEREABOUTS_PODREF];
	char id[WHEREABOUTS_NAME + 4];
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
		  "pod %s/%s, %s: it was released meanwhile",
		  was->pod_namespace, was->pod_name, was->ifname);
	return 0;
}

static int verify_keys(struct over *over, struct error *err)
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
	cleanup_over struct over over = { 0 };
	struct error next = { 0 };
	int r = over_init(&over, adopt, err);

	if (r == 0)
		r = read_both(&over, err);
	for (size_t i = 0; i < over.objects.count && r == 0; i++)
		r = adopt_object(&over, &over.objects.items[i], err);
	if (verify_keys(&over, &next) < 0)
		error_keep_first(err, &next);
	return error_return(err);
}
