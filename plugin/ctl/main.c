#include "lib/file.h"
#include "lib/log.h"
#include "lib/netns.h"
#include "plugin/ctl/ctl.h"

#include <assert.h>
#include <getopt.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

/*
 * Options are read once for all commands; each command says in the table which
 * of them it has beside the common ones. --netns is entered before anything is
 * looked at, and stays entered: the modules then act on "our own" namespace, as
 * they do in the plugin.
 */

enum {
	OPT_READY = 1 << 0,
	OPT_WAIT = 1 << 1,
	OPT_TIMEOUT = 1 << 2,
	OPT_FORCE = 1 << 3,
	OPT_PROBE = 1 << 4,
	OPT_MTU = 1 << 5,
	OPT_DRY_RUN = 1 << 6,
	OPT_WINDOW = 1 << 7,
	OPT_WATCH = 1 << 8,
	OPT_THRESHOLD = 1 << 9,
	OPT_SPEED = 1 << 10,
	OPT_NAME = 1 << 11,
	OPT_NAMESPACE = 1 << 12,
	OPT_PER_NODE = 1 << 13,
	OPT_RESTORE = 1 << 14,
	OPT_COUNT = 1 << 20,
	OPT_TCP = 1 << 21,
	OPT_SERVE = 1 << 22,
	OPT_DAD = 1 << 23,
	OPT_PROBE_PODS = 1 << 24,
	OPT_LOG = 1 << 25,
	OPT_REPAIR = 1 << 26,
	OPT_CLUSTER = 1 << 27,
	OPT_FROM = 1 << 28,
	OPT_TO = 1 << 29,
	OPT_KUBECONFIG = 1 << 30,
};

#define MAIN_DAY 86400 /* seconds */

/* Beside these, getopt_long() returns letters. */
enum {
	MAIN_NETNS = 256,
	MAIN_NODE,
	MAIN_VERSION,
	MAIN_OWN, /* + the bit's number */
};

static const struct option main_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "output", required_argument, NULL, 'o' },
	{ "netns", required_argument, NULL, MAIN_NETNS },
	{ "node", required_argument, NULL, MAIN_NODE },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, MAIN_VERSION },
	{ "ready", no_argument, NULL, MAIN_OWN + 0 },
	{ "wait", no_argument, NULL, MAIN_OWN + 1 },
	{ "timeout", required_argument, NULL, MAIN_OWN + 2 },
	{ "force", no_argument, NULL, MAIN_OWN + 3 },
	{ "probe", required_argument, NULL, MAIN_OWN + 4 },
	{ "mtu", no_argument, NULL, MAIN_OWN + 5 },
	{ "window", required_argument, NULL, MAIN_OWN + 7 },
	{ "watch", no_argument, NULL, MAIN_OWN + 8 },
	{ "threshold", required_argument, NULL, MAIN_OWN + 9 },
	{ "speed", required_argument, NULL, MAIN_OWN + 10 },
	{ "name", required_argument, NULL, MAIN_OWN + 11 },
	{ "namespace", required_argument, NULL, MAIN_OWN + 12 },
	{ "per-node", no_argument, NULL, MAIN_OWN + 13 },
	{ "restore-address", no_argument, NULL, MAIN_OWN + 14 },
	{ "count", required_argument, NULL, MAIN_OWN + 20 },
	{ "tcp", no_argument, NULL, MAIN_OWN + 21 },
	{ "serve", no_argument, NULL, MAIN_OWN + 22 },
	{ "dad", no_argument, NULL, MAIN_OWN + 23 },
	{ "probe-pods", no_argument, NULL, MAIN_OWN + 24 },
	{ "log", required_argument, NULL, MAIN_OWN + 25 },
	{ "repair", no_argument, NULL, MAIN_OWN + 26 },
	{ "cluster", no_argument, NULL, MAIN_OWN + 27 },
	{ "from", required_argument, NULL, MAIN_OWN + 28 },
	{ "to", required_argument, NULL, MAIN_OWN + 29 },
	{ "kubeconfig", required_argument, NULL, MAIN_OWN + 30 },
	{ NULL, 0, NULL, 0 },
};

static const struct command {
	const char *name;
	const char *synopsis;
	const char *help;
	unsigned int options; /* OPT_* */
	int min_args;
	int max_args;
	bool privileged; /* always; others may find out on the way */
	bool anywhere; /* needs no configuration */
	int (*run)(struct ctl *ctl, struct error *err);
} commands[] = {
	{ .name = "up",
	  .synopsis = "[-n] [--wait [--timeout SECONDS]]",
	  .help = "make overlay and host shim as configured",
	  .options = OPT_WAIT | OPT_TIMEOUT | OPT_DRY_RUN,
	  .privileged = true,
	  .run = ctl_up },
	{ .name = "down",
	  .synopsis = "[-n] [--force] [--restore-address]",
	  .help = "delete what up made, unless pods are on it",
	  .options = OPT_FORCE | OPT_RESTORE | OPT_DRY_RUN,
	  .privileged = true,
	  .run = ctl_down },
	{ .name = "status",
	  .synopsis = "[--ready]",
	  .help = "the node's links, peers and pods",
	  .options = OPT_READY,
	  .run = ctl_status },
	{ .name = "needs",
	  .synopsis = "PARENT [--probe ADDRESS]",
	  .help = "is a host shim needed on that parent, and why",
	  .options = OPT_PROBE,
	  .min_args = 1,
	  .max_args = 1,
	  .anywhere = true,
	  .run = ctl_needs },
	{ .name = "verify",
	  .synopsis =
		  "[--mtu] [--tcp] [--dad] [--probe-pods] [--count N] [ADDRESS...] | "
		  "--serve [--probe-pods] [--timeout SECONDS]",
	  .help = "ask along every leg that begins on this node",
	  .options = OPT_MTU | OPT_COUNT | OPT_TCP | OPT_SERVE | OPT_TIMEOUT |
		     OPT_DAD | OPT_PROBE_PODS,
	  .max_args = 64,
	  .privileged = true,
	  .run = ctl_verify },
	{ .name = "doctor",
	  .synopsis = "[--log FILE]",
	  .help = "what differs from the configuration, and who interferes",
	  .options = OPT_LOG,
	  .privileged = true,
	  .run = ctl_doctor },
	{ .name = "traffic",
	  .synopsis = "[--window SECONDS] [--watch] [--threshold PERCENT] "
		      "[--speed MBIT]",
	  .help = "where the bytes go, and how often each is sent",
	  .options = OPT_WINDOW | OPT_WATCH | OPT_THRESHOLD | OPT_SPEED,
	  .run = ctl_traffic },
	{ .name = "peers",
	  .synopsis = "[[-n] prune]",
	  .help = "the overlay's other ends; remove those of no row",
	  .options = OPT_DRY_RUN,
	  .max_args = 1,
	  .run = ctl_peers },
	{ .name = "announce",
	  .synopsis = "[ADDRESS]",
	  .help = "tell the segment where the shim, or a pod, is",
	  .max_args = 1,
	  .privileged = true,
	  .run = ctl_announce },
	{ .name = "ipam",
	  .synopsis = "ls | check [--repair] | [-n] [--force] release ADDRESS "
		      "| gc [--cluster] | [-n] adopt --from local|whereabouts "
		      "| [-n] adopt --to whereabouts; [--kubeconfig FILE]",
	  .help = "this node's addresses: who has them, give them back",
	  .options = OPT_FORCE | OPT_DRY_RUN | OPT_REPAIR | OPT_CLUSTER |
		     OPT_FROM | OPT_TO | OPT_KUBECONFIG,
	  .min_args = 1,
	  .max_args = 2,
	  .run = ctl_ipam },
	{ .name = "nad",
	  .synopsis = "longhorn | linstor | rook [--namespace NAME] [--name "
		      "NAME] [--per-node]",
	  .help = "a NetworkAttachmentDefinition out of the configuration",
	  .options = OPT_NAME | OPT_NAMESPACE | OPT_PER_NODE,
	  .min_args = 1,
	  .max_args = 1,
	  .run = ctl_nad },
};

/* What main() holds while the command runs. */
struct main {
	struct ctl ctl;
	const struct command *command;
	unsigned int given; /* OPT_* */
	const char *netns;
	bool version;
	bool done; /* --help or --version */
};

/* --- words -------------------------------------------------------------------------- */

static void main_help(void)
{
	printf("Usage: shimctl [OPTION...] COMMAND [ARGUMENT...]\n\n"
	       "Commands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].help);
	printf("\nOptions:\n"
	       "  -c, --config FILE    network configuration, may be repeated\n"
	       "                       (/etc/cni/net.d/hostshim.d/*.conf)\n"
	       "  -o, --output FORM    text or json\n"
	       "      --netns PATH     act in that network namespace\n"
	       "      --node NAME      this node's name in \"nodes\"\n"
	       "  -n, --dry-run        change nothing, say what would change\n"
	       "  -q, --quiet          no warnings\n"
	       "  -v, --verbose        say more on stderr\n"
	       "\nExit status: 0 ok, 1 a check failed, 2 usage or "
	       "configuration,\n3 cannot be tested, 4 refused for safety. "
	       "Manual: shimctl(8).\n");
}

static void main_command_help(const struct command *command)
{
	printf("Usage: shimctl [OPTION...] %s %s\n\n%s: %s\n", command->name,
	       command->synopsis, command->name, command->help);
}

static void main_tell(const struct main *m)
{
	if (m->version)
		printf("shimctl %s\n", HOSTSHIM_VERSION);
	else if (m->command)
		main_command_help(m->command);
	else
		main_help();
}

/* One concrete step for each kind of failure. */
static const char *main_next(const struct error *err)
{
	if (err->sys == EPERM || err->sys == EACCES)
		return "run it as root";
	switch ((enum error_code)err->code) {
	case ERROR_VERSION:
	case ERROR_UNSUPPORTED:
	case ERROR_DECODE:
	case ERROR_CONFIG:
		return "correct the configuration";
	case ERROR_ENVIRONMENT:
		return "give the name with --node";
	case ERROR_IO:
		return "look at that file, and at who may read it";
	case ERROR_NETNS:
		return "give a path of a network namespace";
	case ERROR_AGAIN:
	case ERROR_NOT_AVAILABLE:
	case ERROR_LIMITED:
		return "try again, or wait for it with: shimctl up --wait";
	case ERROR_STORE:
		return "move that file away once no pod of the network runs";
	case ERROR_OVERLAY:
	case ERROR_SHIM:
	case ERROR_LINK:
		return "correct what it names, then: shimctl up";
	case ERROR_NONE:
	case ERROR_CONTAINER_UNKNOWN:
	case ERROR_POOL_EXHAUSTED:
	case ERROR_ADDRESS_TAKEN:
	case ERROR_ADDRESS_INVALID:
	case ERROR_IFNAME_EXISTS:
	case ERROR_DELEGATE:
	case ERROR_INTERNAL:
		break;
	}
	return "run it again with -v";
}

static int main_status(const struct error *err)
{
	if (err->sys == EPERM || err->sys == EACCES)
		return CTL_CANNOT;
	switch (err->code) {
	case ERROR_VERSION:
	case ERROR_UNSUPPORTED:
	case ERROR_DECODE:
	case ERROR_CONFIG:
	case ERROR_ENVIRONMENT:
	case ERROR_NETNS:
		return CTL_USAGE;
	default:
		return CTL_FAILED;
	}
}

static int main_fail(const struct error *err)
{
	fprintf(stderr, "shimctl: %s -> %s\n", err->details, main_next(err));
	return main_status(err);
}

/* --- options ------------------------------------------------------------------------ */

static int main_add_file(struct ctl *ctl, const char *path, struct error *err)
{
	const char **grown;

	grown = reallocarray(ctl->files, ctl->n_files + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	ctl->files = grown;
	grown[ctl->n_files++] = path;
	return 0;
}

static int main_form(struct ctl *ctl, const char *text)
{
	ctl->json = strcmp(text, "json") == 0;
	if (!ctl->json && strcmp(text, "text") != 0)
		return ctl_usage("-o %s: \"text\" or \"json\"", text);
	return 0;
}

static int main_number(const char *option, const char *unit, unsigned int max,
		       unsigned int *ret)
{
	const char *text = optarg;
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value == 0 || value > max)
		return ctl_usage("%s %s: %s, 1 to %u", option, text, unit, max);
	*ret = (unsigned int)value;
	return 0;
}

/* "12.5" */
static int main_percent(const char *option, unsigned int *ret)
{
	const char *text = optarg;
	char *end;
	double value = strtod(text, &end);

	if (*text < '0' || *text > '9' || *end || value < 0.001 || value > 100)
		return ctl_usage("%s %s: per cent, 0.001 to 100", option, text);
	*ret = (unsigned int)(value * 1000 + 0.5);
	return 0;
}

static int main_own_option(struct main *m, unsigned int bit)
{
	struct ctl *ctl = &m->ctl;

	m->given |= bit;
	switch (bit) {
	case OPT_READY:
		ctl->ready = true;
		break;
	case OPT_WAIT:
		ctl->wait = true;
		break;
	case OPT_TIMEOUT:
		return main_number("--timeout", "seconds", MAIN_DAY,
				   &ctl->timeout);
	case OPT_COUNT:
		return main_number("--count", "packets", 1000, &ctl->count);
	case OPT_TCP:
		ctl->tcp = true;
		break;
	case OPT_SERVE:
		ctl->serve = true;
		break;
	case OPT_DAD:
		ctl->dad = true;
		break;
	case OPT_PROBE_PODS:
		ctl->probe_pods = true;
		break;
	case OPT_FORCE:
		ctl->force = true;
		break;
	case OPT_MTU:
		ctl->mtu = true;
		break;
	case OPT_REPAIR:
		ctl->repair = true;
		break;
	case OPT_CLUSTER:
		ctl->cluster = true;
		break;
	case OPT_FROM:
		ctl->from = optarg;
		break;
	case OPT_TO:
		ctl->to = optarg;
		break;
	case OPT_KUBECONFIG:
		ctl->kubeconfig = optarg;
		break;
	case OPT_LOG:
		ctl->log = optarg;
		break;
	case OPT_PROBE:
		ctl->probe = optarg;
		break;
	case OPT_RESTORE:
		ctl->restore = true;
		break;
	case OPT_NAME:
		ctl->name = optarg;
		break;
	case OPT_NAMESPACE:
		ctl->namespace = optarg;
		break;
	case OPT_PER_NODE:
		ctl->per_node = true;
		break;
	case OPT_WINDOW:
		return main_number("--window", "seconds", MAIN_DAY,
				   &ctl->window);
	case OPT_WATCH:
		ctl->watch = true;
		break;
	case OPT_THRESHOLD:
		return main_percent("--threshold", &ctl->threshold);
	case OPT_SPEED:
		return main_number("--speed", "Mb/s", 100000000, &ctl->speed);
	}
	return 0;
}

static int main_option(struct main *m, int option, struct error *err)
{
	struct ctl *ctl = &m->ctl;

	switch (option) {
	case 'c':
		return main_add_file(ctl, optarg, err);
	case 'o':
		return main_form(ctl, optarg);
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
		m->netns = optarg;
		return 0;
	case MAIN_NODE:
		if (!*optarg)
			return ctl_usage("--node: the name is empty");
		return setenv("NODENAME", optarg, 1) < 0 ? error_oom(err) : 0;
	}
	return main_own_option(m, 1U << (option - MAIN_OWN));
}

static const struct command *main_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int main_command(struct main *m, int argc, char **argv)
{
	if (optind == argc)
		return m->done ? 0 : ctl_usage("no command is given");
	m->command = main_find(argv[optind]);
	if (!m->command)
		return ctl_usage("there is no command \"%s\"", argv[optind]);
	m->ctl.args = &argv[optind + 1];
	m->ctl.n_args = argc - optind - 1;
	if (m->done)
		return 0;
	if (m->given & ~m->command->options)
		return ctl_usage("%s has no such option; it has: %s",
				 m->command->name, m->command->synopsis);
	if (m->ctl.n_args < m->command->min_args)
		return ctl_usage("%s needs more: %s", m->command->name,
				 m->command->synopsis);
	if (m->ctl.n_args > m->command->max_args)
		return ctl_usage("%s: \"%s\" is too much", m->command->name,
				 m->ctl.args[m->command->max_args]);
	return 0;
}

/* getopt_long() has put it behind, or has found it among other letters. */
static int main_no_option(char **argv)
{
	if (optopt == 0)
		return ctl_usage("there is no option \"%s\"", argv[optind - 1]);
	for (size_t i = 0; main_options[i].name; i++)
		if (main_options[i].val == optopt)
			return ctl_usage("%s takes no value", argv[optind - 1]);
	return ctl_usage("there is no option \"-%c\"", optopt);
}

/* Return: 0; CTL_USAGE, said on stderr; or negative */
static int main_parse(struct main *m, int argc, char **argv, struct error *err)
{
	for (;;) {
		int option = getopt_long(argc, argv, ":c:o:nqvh", main_options,
					 NULL);
		int r;

		if (option == -1)
			return main_command(m, argc, argv);
		if (option == ':')
			return ctl_usage("%s needs a value", argv[optind - 1]);
		if (option == '?')
			return main_no_option(argv);
		r = main_option(m, option, err);
		if (r != 0)
			return r;
	}
}

/* --- running ------------------------------------------------------------------------ */

static bool main_is_admin(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[0].effective & (1U << CAP_NET_ADMIN));
}

static int main_enter(const char *path, struct error *err)
{
	cleanup_close int netns = -1;
	int r = netns_open(path, &netns, err);

	if (r < 0)
		return r;
	if (r > 0)
		return error_set(err, ERROR_NETNS, 0,
				 "--netns %s: no network namespace", path);
	if (setns(netns, CLONE_NEWNET) < 0)
		return error_set(err, ERROR_NETNS, errno, "--netns %s", path);
	return 0;
}

static int main_prepare(struct main *m, struct error *err)
{
	struct ctl *ctl = &m->ctl;
	int r;

	assert(m->command);
	if (m->command->privileged && !main_is_admin())
		return error_set(err, ERROR_LINK, EPERM,
				 "%s needs CAP_NET_ADMIN", m->command->name);
	if (m->netns) {
		r = main_enter(m->netns, err);
		if (r < 0)
			return r;
	}
	if (!m->command->anywhere &&
	    !(m->ctl.cluster && getenv("KUBERNETES_SERVICE_HOST"))) {
		r = ctl_networks_read(ctl, err);
		if (r < 0)
			return r;
	}
	return netlink_open(-1, &ctl->host, err);
}

static int main_open_report(struct main *m, struct error *err)
{
	bool colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

	report_close(&m->ctl.report);
	return report_open(&m->ctl.report,
			   m->ctl.json ? REPORT_JSON : REPORT_TEXT, colours,
			   m->command->name, err);
}

static int main_print(struct ctl *ctl, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	r = report_finish(&ctl->report, &text, &len, err);
	if (r < 0)
		return r;
	r = file_write_all(STDOUT_FILENO, text, len, err);
	return r < 0 ? error_context(err, "stdout") : 0;
}

/* What was found before a command failed is told as well. */
static int main_round(struct main *m, struct error *err)
{
	struct error print_err = { 0 };
	int status, r;

	r = main_open_report(m, err);
	if (r < 0)
		return r;
	status = m->command->run(&m->ctl, err);
	if (status == CTL_USAGE)
		return status;
	r = main_print(&m->ctl, &print_err);
	if (status < 0)
		return status;
	if (r < 0) {
		*err = print_err;
		return r;
	}
	if (status == CTL_OK && m->ctl.report.n_failed)
		return CTL_FAILED;
	return status;
}

static int main_run(struct main *m, struct error *err)
{
	int r = main_prepare(m, err);

	if (r < 0)
		return r;
	do
		r = main_round(m, err);
	while (r >= 0 && m->ctl.again);
	return r;
}

static void main_clear(struct main *m)
{
	report_close(&m->ctl.report);
	netlink_close(m->ctl.host);
	ctl_networks_clear(&m->ctl);
	free(m->ctl.files);
}

static int main_serve(struct main *m, int argc, char **argv, struct error *err)
{
	enum log_level level = LOG_LEVEL_WARNING;
	int r;

	r = main_parse(m, argc, argv, err);
	if (r != 0)
		return r;
	if (m->done) {
		main_tell(m);
		return CTL_OK;
	}
	if (m->ctl.quiet)
		level = LOG_LEVEL_QUIET;
	else if (m->ctl.verbose)
		level = LOG_LEVEL_DEBUG;
	log_init("shimctl", level);
	return main_run(m, err);
}

int main(int argc, char **argv)
{
	struct main m = {
		.ctl = { .timeout = 300, .window = 10, .count = 3 },
	};
	struct error err = { 0 };
	int r;

	signal(SIGPIPE, SIG_IGN);
	r = main_serve(&m, argc, argv, &err);
	if (r < 0)
		r = main_fail(&err);
	main_clear(&m);
	return r;
}
