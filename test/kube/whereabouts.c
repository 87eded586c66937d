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
 */

#include "ipam/whereabouts-pool.h"

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

	return whereabouts_pool_claim(words[0], words[1], &holder, ret, err);
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

static const struct command {
	const char *name;
	int words;
	int (*run)(char **words, char **ret, struct error *err);
} commands[] = {
	{ "names", 5, names },     { "pool", 2, pool },
	{ "untrack", 0, untrack }, { "claim", 5, claim },
	{ "adopt", 5, adopt },     { "release", 4, release },
	{ "overlap", 4, overlap },
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
