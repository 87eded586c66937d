/*
 * kube-whereabouts COMMAND ARGUMENT...
 *
 * What we would write where Whereabouts keeps its addresses:
 *
 *	names NETWORK RANGE ADDRESS NAMESPACE POD	the pool's name and range,
 *		the key, the overlap record's name, the podref, a line each; "-"
 *		for what has none
 *	pool NAME RANGE				a new pool
 *	untrack					the patches of a pool
 *	claim RANGE KEY ID PODREF IFNAME
 *	adopt KEY ID PODREF IFNAME NEW-ID
 *	release KEY ID PODREF IFNAME
 *	overlap NAME ID PODREF IFNAME		a new overlap record
 *
 * And what the plugin does with the server of KUBECONFIG, node by node told apart
 * by STATE (a folder), NETWORK "" for none:
 *
 *	take STATE NETWORK RANGE ADDRESS ID PODREF IFNAME	"taken", "another's
 *		ID PODREF IFNAME", or "unknown", with "held" behind it if it is to
 *		be given back
 *	inherit STATE NETWORK RANGE ID PODREF IFNAME	the same, and the address
 *	give STATE NETWORK RANGE ADDRESS ID PODREF IFNAME UID
 *	give-all STATE NETWORK RANGE ID IFNAME		how many
 */

#include "ipam/whereabouts-claim.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

static void print(int outcome, const char *text)
{
	puts(outcome == 0 ? text : "-");
}

static int names(char **words, char **ret, struct error *err)
{
	char name[WHEREABOUTS_NAME];
	char range[INET_PREFIX_TEXT];
	char key[WHEREABOUTS_KEY];
	char podref[WHEREABOUTS_PODREF];
	struct inet_prefix wanted, base;
	struct inet_addr addr;

	if (!inet_prefix_parse_lenient(words[1], &wanted) ||
	    !inet_addr_parse(words[2], &addr))
		return error_set(err, ERROR_CONFIG, 0, "no range, no address");
	print(whereabouts_pool_name(words[0], &wanted, name), name);
	puts(whereabouts_range(&wanted, range));
	if (whereabouts_base(range, &base) != 0)
		return error_set(err, ERROR_CONFIG, 0, "%s is no base", range);
	print(whereabouts_key(&base.addr, &addr, key), key);
	print(whereabouts_overlap_name(words[0], &addr, name), name);
	print(whereabouts_podref(words[3], words[4], podref), podref);
	*ret = NULL;
	return 0;
}

static int pool(char **words, char **ret, struct error *err)
{
	return whereabouts_pool_write(words[0], words[1], ret, err);
}

static int untrack(char **words, char **ret, struct error *err)
{
	(void)words;
	return whereabouts_pool_untrack(ret, err);
}

static struct whereabouts_holder holder_of(char **words)
{
	return (struct whereabouts_holder){
		.id = words[0],
		.podref = words[1],
		.ifname = words[2],
	};
}

static int claim(char **words, char **ret, struct error *err)
{
	struct whereabouts_holder holder = holder_of(words + 2);

	return whereabouts_pool_claim(NULL, words[0], words[1], &holder, ret,
				      err);
}

static int adopt(char **words, char **ret, struct error *err)
{
	struct whereabouts_allocation have = {
		.key = words[0],
		.holder = holder_of(words + 1),
	};

	return whereabouts_pool_adopt(&have, words[4], ret, err);
}

static int release(char **words, char **ret, struct error *err)
{
	struct whereabouts_holder holder = holder_of(words + 1);

	return whereabouts_pool_release(words[0], &holder, ret, err);
}

static int overlap(char **words, char **ret, struct error *err)
{
	struct whereabouts_holder holder = holder_of(words + 1);

	return whereabouts_overlap_write(words[0], &holder, ret, err);
}

/* --- with a server ----------------------------------------------------------------- */

struct session {
	struct ipam_config config;
	struct cluster cluster;
	struct whereabouts_claim claim;
};

static int session_open(char **words, struct session *session,
			struct error *err)
{
	*session = (struct session){
		.config = {
			.kubeconfig = getenv("KUBECONFIG"),
			.state_dir = words[0],
		},
		.cluster = { .is_patient = true },
		.claim = { .network = words[1], .has_overlap = true },
	};
	session->cluster.config = &session->config;
	if (session->config.kubeconfig &&
	    inet_prefix_parse_lenient(words[2], &session->claim.range))
		return whereabouts_check_names(&session->claim, err);
	return error_set(err, ERROR_CONFIG, 0, "no range, no KUBECONFIG");
}

static void session_close(struct session *session)
{
	kube_close(session->cluster.kube);
}
#define cleanup_session cleanup(session_close)

static int told(int r, const struct whereabouts_got *got)
{
	if (r == 0)
		printf("taken %s\n", got->uid);
	if (r == WHEREABOUTS_TAKEN)
		printf("another's %s %s %s\n", got->owner.id, got->owner.podref,
		       got->owner.ifname);
	if (r == CLUSTER_UNKNOWN)
		printf("unknown\n");
	if (r != 0 && got->is_held)
		printf("held\n");
	return r < 0 ? r : 0;
}

static int take(char **words, char **ret, struct error *err)
{
	cleanup_whereabouts_view struct whereabouts_view view =
		WHEREABOUTS_VIEW_INIT;
	cleanup_session struct session session;
	struct whereabouts_got got = { 0 };
	struct inet_addr addr;
	int r = session_open(words, &session, err);

	*ret = NULL;
	if (r < 0)
		return r;
	if (!inet_addr_parse(words[3], &addr))
		return error_set(err, ERROR_CONFIG, 0, "no address");
	session.claim.holder = holder_of(words + 4);
	return told(whereabouts_take(&session.cluster, &session.claim, &addr,
				     &view, &got, err),
		    &got);
}

static int inherit(char **words, char **ret, struct error *err)
{
	cleanup_whereabouts_view struct whereabouts_view view =
		WHEREABOUTS_VIEW_INIT;
	const struct whereabouts_allocation *have;
	cleanup_session struct session session;
	struct whereabouts_got got = { 0 };
	char text[INET_ADDR_TEXT];
	int r = session_open(words, &session, err);

	*ret = NULL;
	if (r == 0) {
		session.claim.holder = holder_of(words + 3);
		r = whereabouts_look(&session.cluster, &session.claim, false,
				     &view, err);
	}
	if (r != 0)
		return r < 0 ? r : error_set(err, ERROR_STORE, 0, "no pool");
	have = whereabouts_pool_of_pod(&view.pool, words[4], words[5]);
	if (!have)
		return error_set(err, ERROR_STORE, 0, "nothing to inherit");
	puts(inet_addr_format(&have->addr, text));
	return told(whereabouts_adopt(&session.cluster, &session.claim, have,
				      &view, &got, err),
		    &got);
}

static int give(char **words, char **ret, struct error *err)
{
	cleanup_session struct session session;
	struct inet_addr addr;
	int r = session_open(words, &session, err);

	*ret = NULL;
	if (r < 0)
		return r;
	if (!inet_addr_parse(words[3], &addr))
		return error_set(err, ERROR_CONFIG, 0, "no address");
	session.claim.holder = holder_of(words + 4);
	r = whereabouts_give(&session.cluster, &session.claim, &addr, words[7],
			     err);
	if (r >= 0)
		puts(r == 0 ? "given" : "unknown");
	return r < 0 ? r : 0;
}

static int keep_none(void *arg, const struct inet_addr *addr, struct error *err)
{
	(void)arg;
	(void)addr;
	(void)err;
	return 0;
}

static int give_all(char **words, char **ret, struct error *err)
{
	cleanup_session struct session session;
	size_t found = 0;
	int r = session_open(words, &session, err);

	*ret = NULL;
	if (r < 0)
		return r;
	session.claim.holder = (struct whereabouts_holder){
		.id = words[3], .ifname = words[4]
	};
	r = whereabouts_give_all(&session.cluster, &session.claim, keep_none,
				 NULL, &found, err);
	if (r >= 0)
		printf("%zu\n", found);
	return r < 0 ? r : 0;
}

static const struct command {
	const char *name;
	int words;
	int (*run)(char **words, char **ret, struct error *err);
} commands[] = {
	{ "names", 5, names },       { "pool", 2, pool },
	{ "untrack", 0, untrack },   { "claim", 5, claim },
	{ "adopt", 5, adopt },       { "release", 4, release },
	{ "overlap", 4, overlap },   { "take", 7, take },
	{ "inherit", 6, inherit },   { "give", 8, give },
	{ "give-all", 5, give_all },
};

int main(int argc, char **argv)
{
	cleanup_free char *text = NULL;
	struct error error = { 0 };

	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[1]) != 0 ||
		    commands[i].words != argc - 2)
			continue;
		if (commands[i].run(argv + 2, &text, &error) < 0)
			errx(1, "%s", error.details);
		if (text)
			fputs(text, stdout);
		return 0;
	}
	errx(2, "usage: kube-whereabouts COMMAND ARGUMENT...");
}
