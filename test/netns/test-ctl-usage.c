#include "test/netns/ctl.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * What every command does when it is not given what it needs: one line that says
 * what, and what to do about it, and the exit status that belongs to it.
 */

TestSuite(ctl_usage, .init = ctl_open, .fini = seed_close, .timeout = 240);

/* "%s" is where options go. */
static const struct command {
	const char *name;
	const char *args; /* that are right */
	bool anywhere; /* needs no configuration */
	bool privileged;
	bool takes_argument; /* one more than these */
} commands[] = {
	{ "up", "up", false, true, false },
	{ "down", "down", false, true, false },
	{ "status", "status", false, false, false },
	{ "needs", "needs vxlan-storage", true, false, false },
	{ "verify", "verify", false, true, true },
	{ "doctor", "doctor", false, true, false },
	{ "traffic", "traffic --window 1", false, false, false },
	{ "peers", "peers prune", false, false, false },
	{ "announce", "announce 10.100.1.1", false, true, false },
	{ "ipam", "ipam release 10.100.1.16", false, false, false },
	{ "nad", "nad linstor --per-node", false, false, false },
};

/* Nothing on stdout, @text (or what begins so) as the one line on stderr. */
static void says(const char *args, int status, const char *text)
{
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;
	const char *end;

	cr_expect_eq(ctl_run(args, &out, &err), status, "%s: %s%s", args, out,
		     err);
	cr_expect_str_empty(out, "%s: %s", args, out);
	cr_expect_eq(strncmp(err, text, strlen(text)), 0, "%s: %s", args, err);
	end = strchr(err, '\n');
	cr_expect(end && end[1] == '\0', "%s: not one line: %s", args, err);
	cr_expect(strstr(err, " -> "), "%s: no step to take: %s", args, err);
}

static void says_of(const struct command *command, const char *before,
		    const char *after, int status, const char *text)
{
	cleanup_free char *args = NULL;

	cr_assert(asprintf(&args, "%s %s %s", before, command->args, after) >
		  0);
	says(args, status, text);
}

/* --- usage --------------------------------------------------------------------------- */

Test(ctl_usage, wrong_options_and_arguments)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *command = &commands[i];
		cleanup_free char *other = NULL;

		says_of(command, "$C", "--bogus", 2,
			"shimctl: there is no option \"--bogus\" -> shimctl "
			"--help\n");
		says_of(command, "$C -x", "", 2,
			"shimctl: there is no option \"-x\" -> shimctl "
			"--help\n");
		says_of(command, "$C --quiet=yes", "", 2,
			"shimctl: --quiet=yes takes no value -> shimctl "
			"--help\n");
		says_of(command, "$C -o yaml", "", 2,
			"shimctl: -o yaml: \"text\" or \"json\" -> shimctl "
			"--help\n");
		says_of(command, "$C", "--netns", 2,
			"shimctl: --netns needs a value -> shimctl --help\n");
		cr_assert(asprintf(&other,
				   "shimctl: %s has no such option; "
				   "it has: ",
				   command->name) > 0);
		says_of(command, "$C",
			strcmp(command->name, "up") == 0 ? "--ready" : "--wait",
			2, other);
		if (!command->takes_argument)
			says_of(command, "$C", "more", 2, "shimctl: ");
	}
	says("", 2, "shimctl: no command is given -> shimctl --help\n");
	says("$C restart", 2,
	     "shimctl: there is no command \"restart\" -> shimctl --help\n");
}

/* What would be read and then ignored. */
Test(ctl_usage, options_that_do_not_belong_together)
{
	static const struct {
		const char *args;
		const char *says;
	} wrong[] = {
		{ "up --timeout 5", "--timeout is for --wait, or --serve" },
		{ "verify --timeout 5", "--timeout is for --wait, or --serve" },
		{ "verify --serve --mtu",
		  "--serve only answers: it goes without --mtu, --tcp, --dad "
		  "and --count" },
		{ "verify --serve 10.100.1.2",
		  "verify --serve takes no address" },
		{ "ipam ls -n", "ipam: --dry-run is of release, adopt and gc "
				"--cluster" },
		{ "ipam gc -n", "ipam: --dry-run is of release, adopt and gc "
				"--cluster" },
		{ "ipam check --repair -n",
		  "ipam: --dry-run is of release, adopt and gc --cluster" },
		{ "ipam ls --force", "ipam: --force is of release" },
		{ "ipam ls --repair", "ipam: --repair is of check" },
		{ "ipam check --cluster", "ipam: --cluster is of gc" },
		{ "ipam gc --to whereabouts",
		  "ipam: --from and --to are of adopt" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char args[128], line[256];

		snprintf(args, sizeof(args), "$C %s", wrong[i].args);
		snprintf(line, sizeof(line), "shimctl: %s -> shimctl --help\n",
			 wrong[i].says);
		says(args, 2, line);
	}
}

/* --- configuration ------------------------------------------------------------------ */

static const struct {
	const char *text; /* of the file */
	const char *says;
} broken[] = {
	{ "", "shimctl: " CTL_CONFIG ": " },
	{ "{ \"name\": ", "shimctl: " CTL_CONFIG ": line 1, column " },
	{ "[]", "shimctl: " CTL_CONFIG ": " },
	{ "{ \"cniVersion\": \"9.9.9\", \"name\": \"a\" }",
	  "shimctl: " CTL_CONFIG ": " },
	{ "{ \"name\": \"a\", \"type\": \"hostshim\", \"master\": \"vx\", "
	  "\"vxlan\": { \"id\": 1, \"prot\": 4789 } }",
	  "shimctl: " CTL_CONFIG ": vxlan.prot: " },
	{ "{ \"name\": \"a\", \"type\": \"hostshim\", \"master\": \"vx\", "
	  "\"mtu\": 9000, \"vxlan\": { \"id\": 1, \"mtu\": 1400 } }",
	  "shimctl: " CTL_CONFIG ": mtu: 9000 is above vxlan.mtu, 1400 -> "
	  "correct the configuration\n" },
	{ "{ \"name\": \"a\", \"type\": \"hostshim\", \"nodes\": { "
	  "\"a\": { \"address\": \"10.0.0.1/24\" }, "
	  "\"b\": { \"address\": \"10.0.0.1/24\" } } }",
	  "shimctl: " CTL_CONFIG ": nodes" },
	{ "{ \"name\": \"a\", \"type\": \"hostshim\", \"mode\": \"passthru\", "
	  "\"hostShim\": {} }",
	  "shimctl: " CTL_CONFIG ": hostShim: " },
	{ "{ \"name\": \"a\", \"type\": \"hostshim\", \"nodes\": \"/none\" }",
	  "shimctl: " CTL_CONFIG ": nodes: " },
};

Test(ctl_usage, a_configuration_that_is_missing_unreadable_or_contradictory)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (commands[i].anywhere)
			continue;
		says_of(&commands[i], "-c /run/none", "", 2,
			"shimctl: /run/none does not exist -> correct the "
			"configuration\n");
		says_of(&commands[i], "-c /run", "", 2,
			"shimctl: /run is no file -> correct the "
			"configuration\n");
		says_of(&commands[i], "--netns /run $C", "", 2,
			"shimctl: --netns /run: no network namespace -> give a "
			"path of a network namespace\n");
		says_of(&commands[i], "", "", 2,
			"shimctl: no configuration: -c was not given, and "
			"there is no /etc/cni/net.d/hostshim.d/*.conf -> "
			"correct the configuration\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		ctl_write(broken[i].text);
		for (size_t j = 0; j < ARRAY_SIZE(commands); j++)
			if (!commands[j].anywhere)
				says_of(&commands[j], "$C", "", 2,
					broken[i].says);
	}
}

/* --- privilege ------------------------------------------------------------------------ */

#define WITHOUT                                                                \
	"--version >/dev/null; setpriv --bounding-set -net_admin --inh-caps "  \
	"-net_admin shimctl $C"

Test(ctl_usage, without_privilege_nothing_is_tried)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
	before = ns_snapshot(-1);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		cleanup_free char *text = NULL;
		cleanup_free char *args = NULL;
		int status;

		cr_assert(asprintf(&text,
				   "shimctl: %s needs CAP_NET_ADMIN: Operation "
				   "not permitted -> run it as root\n",
				   commands[i].name) > 0);
		if (commands[i].privileged) {
			says_of(&commands[i], WITHOUT, "", 3, text);
			continue;
		}
		cr_assert(asprintf(&args, WITHOUT " %s", commands[i].args) > 0);
		status = ctl_run(args, NULL, NULL);
		cr_expect(status == 0 || status == 1 || status == 3, "%s: %d",
			  args, status);
	}
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}

/* A table that may not be read is none that is empty. */
Test(ctl_usage, a_table_that_cannot_be_read_is_told)
{
	struct cni_call call = seed_call("ADD", ctl_config);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_must(&call, &answer);
	ns_do(-1, "chmod 0 /run/hostshim");
	says("--version >/dev/null; setpriv --bounding-set -dac_override,"
	     "-dac_read_search --inh-caps -dac_override,-dac_read_search "
	     "shimctl $C ipam ls",
	     3, "shimctl: ");
	ns_do(-1, "chmod 700 /run/hostshim");
}

/* --- a peer that is down --------------------------------------------------------------- */

static void has_line(const char *args, int status, const char *line)
{
	cleanup_free char *out = NULL;

	cr_expect_eq(ctl_run(args, &out, NULL), status, "%s: %s", args, out);
	cr_expect(strstr(out, line), "%s: no \"%s\" in:\n%s", args, line, out);
}

Test(ctl_usage, a_peer_that_is_down_is_named_by_who_asks_it)
{
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
	ns_do(seed_other, "ip link set under1 down");
	has_line("$C verify", 1,
		 "\nFAIL storage: k8s-2 does not answer on the "
		 "underlay either");
	has_line("$C status", 0, "storage  10.100.1.0/24  ready\n");
	ctl_prints("$C traffic --window 1 | tail -n 1", 0,
		   "0 frames left the node, too few to judge; there is no "
		   "default route\n");
	ns_do(-1, "ip route del 10.100.100.2");
	has_line("$C peers", 1,
		 "\nFAIL k8s-2: no route leads to 10.100.100.2 -> give the "
		 "underlay a route to it\n");
}

/* --- what describes it -------------------------------------------------------------------- */

/* Each command is in the manual and completed. */
Test(ctl_usage, every_command_is_documented_and_completed)
{
	const char *source = getenv("HOSTSHIM_SOURCE");

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const char *name = commands[i].name;

		cr_expect(ns_has(-1, name,
				 "grep -E '^\\.BR? \"?%s( |$)' "
				 "%s/plugin/ctl/shimctl.8",
				 name, source),
			  "%s is not in shimctl.8", name);
		cr_expect(ns_has(-1, name,
				 "bash -c '. %s/plugin/ctl/shimctl.bash; "
				 "COMP_WORDS=(shimctl %.2s); COMP_CWORD=1; "
				 "_shimctl; echo ${COMPREPLY[@]}'",
				 source, name),
			  "%s is not completed", name);
		cr_expect(ns_has(-1, name, "grep -F '`%s' %s/README.md", name,
				 source),
			  "%s is not in the README", name);
	}
	/* And each that there is, is in the table above. */
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		ns_do(-1, "echo '%s' >>/run/commands", commands[i].name);
	ctl_prints(
		"--help | sed -n '/^Commands:/,/^$/s/^  \\([a-z]*\\).*/\\1/p' "
		"| sort | { sort /run/commands | diff - /dev/fd/3; } "
		"3<&0",
		0, "");
}
