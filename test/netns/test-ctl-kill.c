#include "plugin/ctl/ctl.h"
#include "test/netns/ctl.h"
#include "test/netns/site.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>

/*
 * up and down, killed before each of their changes, and run again; what the next
 * run says to programs is whole.
 */

static void start(void)
{
	ctl_open();
	setenv("NODENAME", "k8s-1", 1);
}

TestSuite(ctl_kill, .init = start, .fini = seed_close, .timeout = 240);

static int run(int (*command)(struct ctl *ctl, struct error *err))
{
	const char *files[] = { CTL_CONFIG };
	struct ctl ctl = { .files = files, .n_files = 1 };
	struct error err = { 0 };
	int r;

	if (ctl_networks_read(&ctl, &err) < 0 ||
	    netlink_open(-1, &ctl.host, &err) < 0 ||
	    report_open(&ctl.report, REPORT_TEXT, false, "test", &err) < 0)
		return -1;
	r = command(&ctl, &err);
	report_close(&ctl.report);
	netlink_close(ctl.host);
	ctl_networks_clear(&ctl);
	return r;
}

/* Was it killed, or did it end before its @nth change? */
static bool killed(int (*command)(struct ctl *ctl, struct error *err),
		   unsigned int nth)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		site_die(nth);
		_exit(run(command) < 0 ? 1 : 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	if (!site_is_dead(status))
		cr_expect_eq(status, 0, "change %u", nth);
	return site_is_dead(status);
}

/* It ends well, and says so in one object without a finding. */
static void again(const char *command, unsigned int nth)
{
	cleanup_free char *args = NULL;
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;
	cleanup_free char *begin = NULL;

	cr_assert(asprintf(&args, "$C -o json %s", command) > 0);
	cr_assert(asprintf(&begin, "{\"command\":\"%.*s\",\"changes\":[",
			   (int)strcspn(command, " "), command) > 0);
	cr_expect_eq(ctl_run(args, &out, &err), 0, "change %u: %s", nth, err);
	cr_expect_eq(strncmp(out, begin, strlen(begin)), 0, "change %u: %s",
		     nth, out);
	cr_expect(strstr(out, ",\"findings\":[]}\n"), "change %u: %s", nth,
		  out);
}

static void nothing_is_left(unsigned int nth)
{
	again("down", nth);
	cr_expect_not(ns_has(-1, "vxlan", "ip link"), "change %u", nth);
	cr_expect_not(ns_has(-1, "macvlan", "ip -d link"), "change %u", nth);
	cr_expect_not(ns_has(-1, "vethhs", "ip link"), "change %u", nth);
}

static void all_is_there(unsigned int nth)
{
	again("up", nth);
	cr_expect_eq(ctl_run("$C status --ready", NULL, NULL), 0, "change %u",
		     nth);
}

Test(ctl_kill, up_killed_anywhere_is_completed_by_up_and_undone_by_down)
{
	unsigned int nth = 1;

	while (killed(ctl_up, nth)) {
		all_is_there(nth);
		nothing_is_left(nth);
		nth++;
	}
	cr_expect_gt(nth, 10, "only %u changes", nth);
}

Test(ctl_kill, down_killed_anywhere_is_completed_by_down)
{
	unsigned int nth = 1;

	all_is_there(0);
	while (killed(ctl_down, nth)) {
		nothing_is_left(nth);
		all_is_there(nth);
		nth++;
	}
	cr_expect_gt(nth, 2, "only %u changes", nth);
}

Test(ctl_kill, down_killed_anywhere_is_taken_back_by_up)
{
	unsigned int nth = 1;

	all_is_there(0);
	while (killed(ctl_down, nth)) {
		ns_sleep_ms(500);
		all_is_there(nth);
		nth++;
	}
	cr_expect_gt(nth, 2, "only %u changes", nth);
}

/* Asking the kernel must not lock out who comes next: the namespace of the
 * asking link dies with the process, in a worker of the kernel. */
Test(ctl_kill, pods_can_be_attached_after_a_down_that_was_killed)
{
	for (unsigned int nth = 1; nth <= 3; nth++) {
		all_is_there(nth);
		cr_expect(killed(ctl_down, nth));
		ns_sleep_ms(500);
		seed_do("ADD", ctl_config);
		cr_expect_geq(ns_ping(-1, "10.100.1.16", 3), 2, "change %u",
			      nth);
		seed_do("DEL", ctl_config);
	}
}

/* The seed's user on day one: an overlay made by hand, with the address on it. */
static void foreign_overlay(void)
{
	ns_do(-1, "ip link add vxlan-storage mtu 1450 type vxlan id 100"
		  " dstport 4789 local 10.100.100.1;"
		  " bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
		  " dst 10.100.100.2;"
		  " ip link set vxlan-storage addrgenmode none;"
		  " ip link set vxlan-storage up;"
		  " ip addr add 10.100.1.1/24 brd + dev vxlan-storage;"
		  " ip route add 10.200.0.0/16 via 10.100.1.2");
}

static int restore(struct ctl *ctl, struct error *err)
{
	ctl->restore = true;
	return ctl_down(ctl, err);
}

Test(ctl_kill, down_that_gives_the_address_back_is_completed_by_the_next)
{
	cleanup_free char *before = NULL;
	unsigned int nth = 1;

	foreign_overlay();
	before = ns_snapshot(-1);
	all_is_there(0);
	while (killed(restore, nth)) {
		cleanup_free char *after = NULL;

		again("down --restore-address", nth);
		after = ns_snapshot(-1);
		cr_expect(ns_same(before, after), "change %u", nth);
		all_is_there(nth);
		nth++;
	}
	cr_expect_gt(nth, 5, "only %u changes", nth);
}

/* Or by up, for who has thought better of it. */
Test(ctl_kill, down_that_gives_the_address_back_is_taken_back_by_up)
{
	unsigned int nth = 1;

	foreign_overlay();
	all_is_there(0);
	while (killed(restore, nth)) {
		all_is_there(nth);
		cr_expect_not(ns_has(-1, "10.100.1.1/24",
				     "ip addr show vxlan-storage"),
			      "change %u", nth);
		nth++;
	}
	cr_expect_gt(nth, 5, "only %u changes", nth);
}
