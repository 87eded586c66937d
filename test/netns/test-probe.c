#include "lib/probe.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static struct error err;
static int there = -1;
static int index_here;

static const struct inet_mac own = { { 2, 0, 0, 0, 0, 0xaa } };
static const struct inet_mac holder = { { 2, 0, 0, 0, 0, 0xbb } };

static void make_wire(void)
{
	ns_fresh();
	there = ns_new();
	ns_veth(-1, "here", there, "there");
	ns_do(-1, "ip link set here address 02:00:00:00:00:aa");
	ns_do(there, "ip link set there address 02:00:00:00:00:bb");
	ns_addr(there, "there", "10.0.0.2/24");
	ns_addr(there, "there", "fd00::2/64");
	index_here = ns_index(-1, "here");
}

static void drop_wire(void)
{
	close(there);
}

TestSuite(probe, .init = make_wire, .fini = drop_wire);

static struct inet_addr addr(const char *text)
{
	struct inet_addr ret;

	cr_assert(inet_addr_parse(text, &ret));
	return ret;
}

static unsigned int elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned int)((now.tv_sec - since->tv_sec) * 1000 +
			      (now.tv_nsec - since->tv_nsec) / 1000000);
}

Test(probe, who_holds_an_address_answers_at_once)
{
	static const char *const addrs[] = { "10.0.0.2", "fd00::2" };

	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		struct inet_addr a = addr(addrs[i]);
		struct inet_mac who = { 0 };
		struct timespec start;

		clock_gettime(CLOCK_MONOTONIC, &start);
		cr_expect_eq(probe_conflict(-1, index_here, &own, 1, &a, 20000,
					    &who, &err),
			     PROBE_ANSWERED, "%s", addrs[i]);
		cr_expect(inet_mac_equal(&who, &holder));
		cr_expect_lt(elapsed_ms(&start), 15000);
	}
}

Test(probe, silence_lasts_as_long_as_was_said)
{
	static const char *const addrs[] = { "10.0.0.3", "fd00::3" };

	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		struct inet_addr a = addr(addrs[i]);
		struct inet_mac who;
		struct timespec start;

		clock_gettime(CLOCK_MONOTONIC, &start);
		cr_expect_eq(probe_conflict(-1, index_here, &own, 1, &a, 150,
					    &who, &err),
			     0, "%s", addrs[i]);
		cr_expect_geq(elapsed_ms(&start), 149);
	}
}

Test(probe, answers_from_the_own_mac_are_not_counted)
{
	static const char *const addrs[] = { "10.0.0.2", "fd00::2" };

	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		struct inet_addr a = addr(addrs[i]);
		struct inet_mac who;

		cr_expect_eq(probe_conflict(-1, index_here, &holder, 1, &a, 100,
					    &who, &err),
			     0, "%s", addrs[i]);
	}
}

Test(probe, a_link_without_ipv6_hears_answers_too)
{
	struct inet_addr a = addr("fd00::2");
	struct inet_mac who;

	ns_set_sysctl(-1, "net/ipv6/conf/here/disable_ipv6", 1);
	cr_expect_eq(probe_conflict(-1, index_here, &own, 1, &a, 1000, &who,
				    &err),
		     PROBE_ANSWERED);
}

Test(probe, traffic_about_others_is_no_answer)
{
	struct inet_addr a = addr("10.0.0.3");
	struct inet_mac who;

	ns_do(there, "for i in $(seq 50 80); do ping -c 1 -W 0.01 10.0.0.$i"
		     " >/dev/null & done");
	cr_expect_eq(probe_conflict(-1, index_here, &own, 1, &a, 200, &who,
				    &err),
		     0);
}

static pid_t rival(const struct inet_addr *a)
{
	int index = ns_index(there, "there");
	struct inet_mac who;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	_exit(probe_conflict(there, index, &holder, 1, a, 900, &who, &err));
}

Test(probe, of_two_that_ask_at_the_same_time_the_lower_mac_wins)
{
	static const char *const addrs[] = { "10.0.0.9", "fd00::9" };

	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		struct inet_addr a = addr(addrs[i]);
		struct inet_mac who;
		pid_t pid = rival(&a);
		int status;

		cr_expect_eq(probe_conflict(-1, index_here, &own, 1, &a, 900,
					    &who, &err),
			     0, "%s", addrs[i]);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert(WIFEXITED(status));
		cr_expect_eq(WEXITSTATUS(status), PROBE_ANSWERED, "%s",
			     addrs[i]);
	}
}

Test(probe, a_link_that_is_down_is_an_error)
{
	struct inet_addr a = addr("10.0.0.2");
	struct inet_mac who;

	ns_do(-1, "ip link set here down");
	cr_expect_lt(probe_conflict(-1, index_here, &own, 1, &a, 100, &who,
				    &err),
		     0);
	cr_expect_eq(err.code, ERROR_LINK);
	cr_expect(strstr(err.details, "probe for 10.0.0.2: "), "%s",
		  err.details);
}
