#include "plugin/ctl/main-priv.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Options are read once for all commands; each command says in its table which
 * of them it has beside the common ones. What makes no sense is refused: an
 * option that is read and then ignored is a promise.
 */

#define MAIN_DAY 86400 /* seconds */

/* --- tables ------------------------------------------------------------------------- */

/* Beside these, getopt_long() returns letters. */
enum {
	MAIN_NETNS = 256,
	MAIN_NODE,
	MAIN_VERSION,
	MAIN_OWN, /* + index in owns */
};

static const struct option commons[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "output", required_argument, NULL, 'o' },
	{ "netns", required_argument, NULL, MAIN_NETNS },
	{ "node", required_argument, NULL, MAIN_NODE },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, MAIN_VERSION },
};

/* The member's type is checked at compile time. */
#define MEMBER(member, type)                                                   \
	(offsetof(struct ctl, member) +                                        \
	 0 * sizeof(char[__builtin_types_compatible_p(                         \
				 __typeof__(((struct ctl *)0)->member), type)  \
				 ? 1                                           \
				 : -1]))
#define FLAG(name, bit, member)                                                \
	{                                                                      \
		name, bit, OWN_FLAG, MEMBER(member, bool), NULL, 0             \
	}
#define TEXT(name, bit, member)                                                \
	{                                                                      \
		name, bit, OWN_TEXT, MEMBER(member, const char *), NULL, 0     \
	}
#define NUMBER(name, bit, member, unit, max)                                   \
	{                                                                      \
		name, bit, OWN_NUMBER, MEMBER(member, unsigned int), unit, max \
	}
#define PERCENT(name, bit, member)                                             \
	{                                                                      \
		name, bit, OWN_PERCENT, MEMBER(member, unsigned int), NULL, 0  \
	}

static const struct own {
	const char *name;
	unsigned int bit;
	enum {
		OWN_FLAG,
		OWN_TEXT,
		OWN_NUMBER,
		OWN_PERCENT,
	} kind;
	size_t member; /* of struct ctl */
	const char *unit;
	unsigned int max;
} owns[] = {
	FLAG("ready", OPT_READY, ready),
	FLAG("wait", OPT_WAIT, wait),
	NUMBER("timeout", OPT_TIMEOUT, timeout, "seconds", MAIN_DAY),
	FLAG("force", OPT_FORCE, force),
	TEXT("probe", OPT_PROBE, probe),
	FLAG("mtu", OPT_MTU, mtu),
	NUMBER("window", OPT_WINDOW, window, "seconds", MAIN_DAY),
	FLAG("watch", OPT_WATCH, watch),
	PERCENT("threshold", OPT_THRESHOLD, threshold),
	NUMBER("speed", OPT_SPEED, speed, "Mb/s", 100000000),
	TEXT("name", OPT_NAME, name),
	TEXT("namespace", OPT_NAMESPACE, namespace),
	FLAG("per-node", OPT_PER_NODE, per_node),
	FLAG("restore-address", OPT_RESTORE, restore),
	NUMBER("count", OPT_COUNT, count, "packets", 1000),
	FLAG("tcp", OPT_TCP, tcp),
	FLAG("serve", OPT_SERVE, serve),
	FLAG("dad", OPT_DAD, dad),
	FLAG("probe-pods", OPT_PROBE_PODS, probe_pods),
	TEXT("log", OPT_LOG, log),
	FLAG("repair", OPT_REPAIR, repair),
	FLAG("cluster", OPT_CLUSTER, cluster),
	TEXT("from", OPT_FROM, from),
	TEXT("to", OPT_TO, to),
	TEXT("kubeconfig", OPT_KUBECONFIG, kubeconfig),
};

/* One that is for another only, and one that goes without others. */
static const struct {
	unsigned int option;
	unsigned int with; /* one of these; 0: any */
	unsigned int without;
	const char *text;
} pairs[] = {
	{ OPT_TIMEOUT, OPT_WAIT | OPT_SERVE, 0,
	  "--timeout is for --wait, or --serve" },
	{ OPT_SERVE, 0, OPT_MTU | OPT_TCP | OPT_DAD | OPT_COUNT,
	  "--serve only answers: it goes without --mtu, --tcp, --dad and "
	  "--count" },
};

/* As getopt_long() takes them; ends with an empty one. */
struct options {
	struct option items[ARRAY_SIZE(commons) + ARRAY_SIZE(owns) + 1];
};

static void options_fill(struct options *ret)
{
	struct option *to = ret->items;

	for (size_t i = 0; i < ARRAY_SIZE(commons); i++)
		*to++ = commons[i];
	for (size_t i = 0; i < ARRAY_SIZE(owns); i++)
		*to++ = (struct option){
			.name = owns[i].name,
			.has_arg = owns[i].kind == OWN_FLAG ? no_argument
							    : required_argument,
			.val = MAIN_OWN + (int)i,
		};
	*to = (struct option){ 0 };
}

/* --- values ------------------------------------------------------------------------- */

static int read_form(struct ctl *ctl, const char *text)
{
	ctl->json = strcmp(text, "json") == 0;
	if (!ctl->json && strcmp(text, "text") != 0)
		return ctl_usage("-o %s: \"text\" or \"json\"", text);
	return 0;
}

static int read_number(const struct own *own, const char *text,
		       unsigned int *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value == 0 ||
	    value > own->max)
		return ctl_usage("--%s %s: %s, 1 to %u", own->name, text,
				 own->unit, own->max);
	*ret = (unsigned int)value;
	return 0;
}

/* "12.5", in thousandths. */
static int read_percent(const struct own *own, const char *text,
			unsigned int *ret)
{
	char *end;
	double value = strtod(text, &end);

	if (*text < '0' || *text > '9' || *end || value < 0.001 || value > 100)
		return ctl_usage("--%s %s: per cent, 0.001 to 100", own->name,
				 text);
	*ret = (unsigned int)(value * 1000 + 0.5);
	return 0;
}

static int read_own(struct main *m, const struct own *own, const char *text)
{
	void *member = (char *)&m->ctl + own->member;

	m->given |= own->bit;
	switch (own->kind) {
	case OWN_FLAG:
		*(bool *)member = true;
		return 0;
	case OWN_TEXT:
		*(const char **)member = text;
		return 0;
	case OWN_NUMBER:
		return read_number(own, text, member);
	case OWN_PERCENT:
		return read_percent(own, text, member);
	}
	return 0;
}

static int add_file(struct ctl *ctl, const char *path, struct error *err)
{
	const char **grown;

	grown = reallocarray(ctl->files, ctl->n_files + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	ctl->files = grown;
	grown[ctl->n_files++] = path;
	return 0;
}

static int read_option(struct main *m, int option, const char *text,
		       struct error *err)
{
	struct ctl *ctl = &m->ctl;

	switch (option) {
	case 'c':
		return add_file(ctl, text, err);
	case 'o':
		return read_form(ctl, text);
	case 'n':
		ctl->dry_run = true;
		m->given |= OPT_DRY_RUN;
		return 0;
	case 'q':
		ctl->quiet = true;
		return 0;
	case 'v':
		ctl->verbose = true;
		return 0;
	case 'h':
		m->done = true;
		return 0;
	case MAIN_VERSION:
		m->version = true;
		m->done = true;
		return 0;
	case MAIN_NETNS:
		m->netns = text;
		return 0;
	case MAIN_NODE:
		if (!*text)
			return ctl_usage("--node: the name is empty");
		return setenv("NODENAME", text, 1) < 0 ? error_oom(err) : 0;
	}
	assert(option >= MAIN_OWN);
	return read_own(m, &owns[option - MAIN_OWN], text);
}

/* --- all of them -------------------------------------------------------------------- */

static int check_options(const struct main *m)
{
	if (m->given & ~m->command->options)
		return ctl_usage("%s has no such option; it has: %s",
				 m->command->name, m->command->synopsis);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if ((m->given & pairs[i].option) &&
		    ((pairs[i].with && !(m->given & pairs[i].with)) ||
		     (m->given & pairs[i].without)))
			return ctl_usage("%s", pairs[i].text);
	return 0;
}

static int check_command(struct main *m, char **argv, int argc)
{
	if (argc == 0)
		return m->done ? 0 : ctl_usage("no command is given");
	m->command = main_command(argv[0]);
	if (!m->command)
		return ctl_usage("there is no command \"%s\"", argv[0]);
	m->ctl.args = &argv[1];
	m->ctl.n_args = argc - 1;
	if (m->done)
		return 0;
	if (check_options(m) != 0)
		return CTL_USAGE;
	if (m->ctl.n_args < m->command->min_args)
		return ctl_usage("%s needs more: %s", m->command->name,
				 m->command->synopsis);
	if (m->ctl.n_args > m->command->max_args)
		return ctl_usage("%s: \"%s\" is too much", m->command->name,
				 m->ctl.args[m->command->max_args]);
	return 0;
}

/* getopt_long() has put it behind, or has found it among other letters. */
static int no_option(const struct options *options, char **argv)
{
	if (optopt == 0)
		return ctl_usage("there is no option \"%s\"", argv[optind - 1]);
	for (size_t i = 0; options->items[i].name; i++)
		if (options->items[i].val == optopt)
			return ctl_usage("%s takes no value", argv[optind - 1]);
	return ctl_usage("there is no option \"-%c\"", optopt);
}

int main_parse(struct main *m, int argc, char **argv, struct error *err)
{
	struct options options = { 0 };

	options_fill(&options);
	for (;;) {
		int option = getopt_long(argc, argv, ":c:o:nqvh", options.items,
					 NULL);
		int r;

		if (option == -1)
			return check_command(m, argv + optind, argc - optind);
		if (option == ':')
			return ctl_usage("%s needs a value", argv[optind - 1]);
		if (option == '?')
			return no_option(&options, argv);
		r = read_option(m, option, optarg, err);
		if (r != 0)
			return r;
	}
}
