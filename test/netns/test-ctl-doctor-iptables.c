#include "test/netns/faults.h"
#include "test/support/ns.h"

#include <netinet/in.h> /* first: the kernel's headers look for it */

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* shimctl doctor and rules of iptables from before nftables, which are put into
 * the kernel as iptables-legacy(8) does. */

TestSuite(doctor_iptables, .init = faults_mesh, .fini = faults_close,
	  .timeout = 240);

#define ENTRIES 4 /* policies of input, forward and output, and the end */

struct rule {
	struct ipt_entry entry;
	struct xt_standard_target target;
};

struct table {
	struct ipt_replace replace;
	struct rule rules[ENTRIES]; /* the last for what the test adds */
	struct {
		struct ipt_entry entry;
		struct xt_error_target target;
	} end;
};

static struct rule make_rule(int verdict)
{
	return (struct rule){
		.entry = { .target_offset = sizeof(struct ipt_entry),
			   .next_offset = sizeof(struct rule) },
		.target = { .target.u.user.target_size =
				    sizeof(struct xt_standard_target),
			    .verdict = -verdict - 1 },
	};
}

/* Return: false where the kernel has no such tables */
static bool is_loaded(int fd)
{
	struct ipt_getinfo info = { .name = "filter" };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &len) == 0)
		return true;
	cr_assert(errno == ENOPROTOOPT || errno == ENOENT, "%s",
		  strerror(errno));
	return false;
}

/* Input, with a rule that drops before its policy or without, then the others. */
static void load(int fd, bool has_rule, int policy)
{
	struct xt_counters counters[ENTRIES + 1];
	struct table table = {
		.replace = { .name = "filter",
			     .valid_hooks = 1 << NF_INET_LOCAL_IN |
					    1 << NF_INET_FORWARD |
					    1 << NF_INET_LOCAL_OUT,
			     .counters = counters },
		.end = { .entry = { .target_offset = sizeof(struct ipt_entry),
				    .next_offset = sizeof(table.end) },
			 .target = { .target.u
					     .user = { .target_size = sizeof(
							       table.end
								       .target),
						       .name = XT_ERROR_TARGET } } },
	};
	struct ipt_getinfo info = { .name = "filter" };
	socklen_t len = sizeof(info);
	char *bytes, *at;
	size_t n = 0;

	strcpy(table.end.target.errorname, XT_ERROR_TARGET);
	if (has_rule)
		table.rules[n++] = make_rule(NF_DROP);
	for (unsigned int hook = NF_INET_LOCAL_IN; hook <= NF_INET_LOCAL_OUT;
	     hook++) {
		table.replace.underflow[hook] =
			(unsigned int)(n * sizeof(struct rule));
		table.replace.hook_entry[hook] =
			hook == NF_INET_LOCAL_IN
				? 0
				: table.replace.underflow[hook];
		table.rules[n++] = make_rule(
			hook == NF_INET_LOCAL_IN ? policy : NF_ACCEPT);
	}
	cr_assert_eq(getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &len),
		     0);
	table.replace.num_counters = info.num_entries;
	table.replace.num_entries = (unsigned int)n + 1;
	table.replace.size =
		(unsigned int)(n * sizeof(struct rule) + sizeof(table.end));
	bytes = malloc(sizeof(table));
	cr_assert(bytes);
	at = mempcpy(bytes, &table.replace, sizeof(table.replace));
	at = mempcpy(at, table.rules, n * sizeof(struct rule));
	at = mempcpy(at, &table.end, sizeof(table.end));
	cr_assert_eq(setsockopt(fd, IPPROTO_IP, IPT_SO_SET_REPLACE, bytes,
				(socklen_t)(at - bytes)),
		     0, "%s", strerror(errno));
	free(bytes);
}

static const char skipped[] =
	"storage: no finding\n"
	"not looked at:\n"
	"  firewall  legacy iptables has rules in its table filter "
	"(iptables-legacy-save), which are not read: if one drops UDP port "
	"4789, only shimctl verify tells\n";

Test(doctor_iptables, rules_that_cannot_be_read_are_told)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	cr_assert_geq(fd, 0);
	faults_none("storage");
	if (!is_loaded(fd)) {
		close(fd);
		cr_skip_test("the kernel has no legacy tables");
	}
	faults_none("storage");
	load(fd, true, NF_ACCEPT);
	ctl_prints("$C doctor", 3, skipped);
	load(fd, false, NF_ACCEPT);
	faults_none("storage");
	load(fd, false, NF_DROP);
	ctl_prints("$C doctor", 3, skipped);
	close(fd);
}
