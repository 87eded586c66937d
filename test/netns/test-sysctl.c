#include "lib/sysctl.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>

static struct error err;

static void make_link(void)
{
	ns_fresh();
	ns_do(-1, "ip link add name br0 type bridge");
}

TestSuite(sysctl, .init = make_link);

Test(sysctl, a_switch_is_written_only_if_it_differs)
{
	int value = -1;

	cr_expect_eq(sysctl_ensure(-1, AF_INET, "br0", "arp_ignore", 1, &err),
		     SYSCTL_CHANGED);
	cr_expect_eq(sysctl_ensure(-1, AF_INET, "br0", "arp_ignore", 1, &err),
		     0);
	cr_expect_eq(sysctl_get(-1, AF_INET, "br0", "arp_ignore", &value, &err),
		     0);
	cr_expect_eq(value, 1);
	cr_expect_eq(sysctl_ensure(-1, AF_INET6, "br0", "accept_ra", 0, &err),
		     SYSCTL_CHANGED);
	cr_expect(ns_has(-1, "0", "cat /proc/sys/net/ipv6/conf/br0/accept_ra"));
}

Test(sysctl, a_right_value_can_be_kept_where_writing_is_forbidden)
{
	cr_assert_eq(mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL), 0);
	cr_assert_eq(mount(NULL, "/proc/sys", NULL,
			   MS_REMOUNT | MS_BIND | MS_RDONLY, NULL),
		     0);
	cr_expect_eq(sysctl_ensure(-1, AF_INET, "br0", "arp_ignore", 0, &err),
		     0);
	cr_expect_lt(sysctl_ensure(-1, AF_INET, "br0", "arp_ignore", 1, &err),
		     0);
	cr_expect_eq(err.code, ERROR_LINK);
	cr_expect_eq(err.sys, EROFS);
	umount2("/proc/sys", MNT_DETACH);
}

Test(sysctl, another_namespace_is_written_from_here)
{
	cleanup_close int other = ns_new();
	int here = -1, there = -1;

	ns_do(other, "ip link add name br0 type bridge");
	cr_expect_eq(sysctl_ensure(other, AF_INET, "br0", "rp_filter", 2, &err),
		     SYSCTL_CHANGED);
	cr_expect_eq(sysctl_get(other, AF_INET, "br0", "rp_filter", &there,
				&err),
		     0);
	cr_expect_eq(sysctl_get(-1, AF_INET, "br0", "rp_filter", &here, &err),
		     0);
	cr_expect_eq(there, 2);
	cr_expect_neq(here, 2);
}

Test(sysctl, a_dot_in_a_name_is_part_of_it)
{
	int value = -1;

	ns_do(-1, "ip link set br0 name eth0.100");
	cr_expect_eq(sysctl_ensure(-1, AF_INET, "eth0.100", "arp_notify", 1,
				   &err),
		     SYSCTL_CHANGED);
	cr_expect_eq(sysctl_get(-1, AF_INET, "eth0.100", "arp_notify", &value,
				&err),
		     0);
	cr_expect_eq(value, 1);
}

Test(sysctl, a_missing_link_or_switch_is_absent)
{
	int value;

	cr_expect_eq(sysctl_get(-1, AF_INET, "nope", "arp_ignore", &value,
				&err),
		     SYSCTL_ABSENT);
	cr_expect_eq(sysctl_ensure(-1, AF_INET6, "nope", "accept_ra", 0, &err),
		     SYSCTL_ABSENT);
	cr_expect_eq(sysctl_ensure(-1, AF_INET, "br0", "nonsense", 0, &err),
		     SYSCTL_ABSENT);
	cr_expect_not(error_is_set(&err));
}

Test(sysctl, a_name_leads_nowhere_else)
{
	static const char *const names[] = { "",      ".",
					     "..",    "../..",
					     "br0/.", "../../ipv6/conf/br0" };
	int value;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		cr_expect_eq(sysctl_get(-1, AF_INET, names[i], "accept_ra",
					&value, &err),
			     SYSCTL_ABSENT, "%s", names[i]);
}

Test(sysctl, a_refused_value_is_an_error_that_names_it)
{
	cr_expect_lt(sysctl_ensure(-1, AF_INET6, "br0", "addr_gen_mode", 77,
				   &err),
		     0);
	cr_expect_eq(err.code, ERROR_LINK);
	cr_expect(strstr(err.details, "addr_gen_mode=77 of br0"), "%s",
		  err.details);
}
