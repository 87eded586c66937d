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

#define RULE_SIZE (sizeof(struct ipt_entry) + sizeof(struct xt_standard_target))
#define END_SIZE  (sizeof(struct ipt_entry) + sizeof(struct xt_error_target))

/* The kernel's structs end with what follows them, so they are written one by
 * one. */
static void write_rule(FILE *out, int verdict)
{
	const struct ipt_entry entry = {
		.target_offset = sizeof(entry),
		.next_offset = RULE_SIZE,
	};
	const struct xt_standard_target target = {
		.target.u.user.target_size = sizeof(target),
		.verdict = -verdict - 1,
	};

	fwrite(&entry, sizeof(entry), 1, out);
	fwrite(&target, sizeof(target), 1, out);
}

static void write_end(FILE *out)
{
	const struct ipt_entry entry = {
		.target_offset = sizeof(entry),
		.next_offset = END_SIZE,
	};
	const struct xt_error_target target = {
		.target.u.user = { .target_size = sizeof(target),
				   .name = XT_ERROR_TARGET },
		.errorname = XT_ERROR_TARGET,
	};

	fwrite(&entry, sizeof(entry), 1, out);
	fwrite(&target, sizeof(target), 1, out);
}

/* Input, with a rule that drops before its policy or without; then forward and
 * output, which accept. */
static void write_table(FILE *out, struct xt_counters *counters,
			unsigned int n_counters, bool has_rule, int policy)
{
	unsigned int first = has_rule ? RULE_SIZE : 0;
	const struct ipt_replace head = {
		.name = "filter",
		.valid_hooks = 1 << NF_INET_LOCAL_IN | 1 << NF_INET_FORWARD |
			       1 << NF_INET_LOCAL_OUT,
		.num_entries = 4 + has_rule,
		.size = first + 3 * RULE_SIZE + END_SIZE,
		.hook_entry = { [NF_INET_FORWARD] = first + RULE_SIZE,
				[NF_INET_LOCAL_OUT] = first + 2 * RULE_SIZE },
		.underflow = { [NF_INET_LOCAL_IN] = first,
			       [NF_INET_FORWARD] = first + RULE_SIZE,
			       [NF_INET_LOCAL_OUT] = first + 2 * RULE_SIZE },
		.num_counters = n_counters,
		.counters = counters,
	};

	fwrite(&head, sizeof(head), 1, out);
	if (has_rule)
		write_rule(out, NF_DROP);
	write_rule(out, policy);
	write_rule(out, NF_ACCEPT);
	write_rule(out, NF_ACCEPT);
	write_end(out);
}

static void load(int fd, bool has_rule, int policy)
{
	struct ipt_getinfo info = { .name = "filter" };
	socklen_t len = sizeof(info);
	struct xt_counters counters[8]; /* of the table before */
	cleanup_free char *table = NULL;
	size_t size;
	FILE *out = open_memstream(&table, &size);

	cr_assert(out);
	cr_assert_eq(getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &len),
		     0);
	cr_assert_leq(info.num_entries, ARRAY_SIZE(counters));
	write_table(out, counters, info.num_entries, has_rule, policy);
	cr_assert_eq(fclose(out), 0);
	cr_assert_eq(setsockopt(fd, IPPROTO_IP, IPT_SO_SET_REPLACE, table,
				(socklen_t)size),
		     0, "%s", strerror(errno));
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
