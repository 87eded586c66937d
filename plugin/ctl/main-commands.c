#include "plugin/ctl/main-priv.h"

#include <stdio.h>
#include <string.h>

/* The commands: a line each in the help, the manual and the completion. */

static const struct command commands[] = {
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

const struct command *main_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void help_all(FILE *out)
{
	fprintf(out, "Usage: shimctl [OPTION...] COMMAND [ARGUMENT...]\n\n"
		     "Commands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name,
			commands[i].help);
	fprintf(out,
		"\nOptions:\n"
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

static void help_one(FILE *out, const struct command *command)
{
	fprintf(out, "Usage: shimctl [OPTION...] %s %s\n\n%s: %s\n",
		command->name, command->synopsis, command->name, command->help);
}

void main_help(FILE *out, const struct command *command)
{
	if (command)
		help_one(out, command);
	else
		help_all(out);
}
