#ifndef PLUGIN_CTL_MAIN_PRIV_H
#define PLUGIN_CTL_MAIN_PRIV_H

/*
 * What the parts of main() share: the commands and their options
 * (main-commands.c), how they are read (main-options.c), and what main() holds
 * while one runs (main.c).
 */

#include "plugin/ctl/ctl.h"

#include <stdio.h>

/* Options that not every command has. */
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
	OPT_COUNT = 1 << 15,
	OPT_TCP = 1 << 16,
	OPT_SERVE = 1 << 17,
	OPT_DAD = 1 << 18,
	OPT_PROBE_PODS = 1 << 19,
	OPT_LOG = 1 << 20,
	OPT_REPAIR = 1 << 21,
	OPT_CLUSTER = 1 << 22,
	OPT_FROM = 1 << 23,
	OPT_TO = 1 << 24,
	OPT_KUBECONFIG = 1 << 25,
};

struct command {
	const char *name;
	const char *synopsis;
	const char *help;
	unsigned int options; /* OPT_* */
	int min_args;
	int max_args;
	bool privileged; /* always; others may find out on the way */
	bool anywhere; /* needs no configuration */
	int (*run)(struct ctl *ctl, struct error *err);
};

struct main {
	struct ctl ctl;
	const struct command *command;
	unsigned int given; /* OPT_* */
	const char *netns;
	bool version;
	bool done; /* --help or --version */
};

/** main_command() - By its name; NULL: there is none */
const struct command *main_command(const char *name);

/** main_help() - All of them, or one */
void main_help(FILE *out, const struct command *command);

/** main_parse() - Read the arguments
 * Return: 0; CTL_USAGE, said on stderr; or negative */
int main_parse(struct main *m, int argc, char **argv, struct error *err);

#endif
