#include "plugin/ctl/ctl.h"
#include "test/netns/ctl.h"
#include "test/netns/site.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <sys/wait.h>

/* up and down, killed before each of their changes, and run again. */

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

static void nothing_is_left(unsigned int nth)
{
	cr_expect_eq(ctl_run("$C down", NULL, NULL), 0, "change %u", nth);
	cr_expect_not(ns_has(-1, "vxlan", "ip link"), "change %u", nth);
	cr_expect_not(ns_has(-1, "macvlan", "ip -d link"), "change %u", nth);
	cr_expect_not(ns_has(-1, "vethhs", "ip link"), "change %u", nth);
}

static void all_is_there(unsigned int nth)
{
	cr_expect_eq(ctl_run("$C up", NULL, NULL), 0, "change %u", nth);
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
