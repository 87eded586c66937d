#include "plugin/overlay.h"
#include "plugin/shim.h"
#include "test/netns/site-shim.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* An overlay of our own, with all that it should not have. */
static void start(void)
{
	site_init(&site);
	cr_assert_eq(site_overlay_ensure(&site, NODE_REPAIR, &parent),
		     NODE_CHANGED, "%s", site.err.details);
	site.config.shim.present = true;
	site.config.shim.name = strdup("lhnet1-host");
	site.rows[0].addresses[1] = site_prefix("fd00:1::1/64");
	site.rows[0].n_addresses = 2;
}

/* The same link, made by somebody else. */
static void start_foreign(void)
{
	start();
	site.config.vxlan.present = false;
	site.node.row = NULL;
}

TestSuite(migrate, .init = start, .fini = site_shim_stop);
TestSuite(foreign, .init = start_foreign, .fini = site_shim_stop);

/* All that can be carried: labels, metrics, scopes, no broadcast, deprecated
 * and connected by hand; routes of several tables, with all that they say. */
static const char full[] =
	"addr add 10.100.1.1/24 dev vxlan-storage label vxlan-storage:1\n"
	"addr add 10.100.1.77/24 brd + dev vxlan-storage label san\n"
	"addr add 10.100.1.78/32 dev vxlan-storage scope link\n"
	"addr add 172.16.5.1/24 brd + dev vxlan-storage metric 77\n"
	"addr add 172.16.6.1/24 dev vxlan-storage noprefixroute\n"
	"addr add fd00:1::1/64 dev vxlan-storage nodad\n"
	"addr add fd00:1::77/64 dev vxlan-storage nodad preferred_lft 0\n"
	"addr add fd00:2::1/64 dev vxlan-storage nodad metric 78\n"
	"route add 172.16.6.0/24 dev vxlan-storage proto kernel scope link"
	" src 172.16.6.1 metric 100\n"
	"route add 10.200.0.0/16 via 10.100.1.2 dev vxlan-storage mtu lock"
	" 1400 advmss 1300 metric 5\n"
	"route add 10.201.0.0/16 via 172.16.5.2 dev vxlan-storage proto 99\n"
	"route add 10.202.0.0/16 dev vxlan-storage src 10.100.1.77\n"
	"route add default via 10.100.1.2 dev vxlan-storage table 100\n"
	"route add fd00:200::/32 via fd00:1::2 dev vxlan-storage pref high\n"
	"route add fd00:201::/32 dev vxlan-storage metric 7 src fd00:1::77\n"
	"route add default via fd00:1::2 dev vxlan-storage table 100\n";

static void put(const char *batch)
{
	ns_do(-1, "echo '%s' | ip -batch -", batch);
}

static void put_full(void)
{
	put(full);
}

static void reset_full(void)
{
	ns_try(-1, NULL, "ip link del lhnet1-host");
	ns_do(-1, "ip addr flush dev vxlan-storage scope global;"
		  " ip addr flush dev vxlan-storage scope link;"
		  " for f in 4 6; do for t in main 100; do"
		  " ip -$f route flush dev vxlan-storage table $t; done;"
		  " done 2>/dev/null;"
		  " echo 0 >/proc/sys/net/ipv4/conf/vxlan-storage/arp_ignore");
	put_full();
}

/* Addresses and routes of a link, without its name; link-local IPv6 is each
 * link's own. */
static char *state_of(const char *name)
{
	return ns_exec(-1,
		       "{ ip -o addr show dev %s; for f in 4 6; do"
		       " ip -$f -d route show table all dev %s; done; } |"
		       " grep -v -e ' fe80:' -e '^fe80:' -e '^multicast'"
		       " -e '^anycast' -e 'dev lo' |"
		       " sed -e 's/^[0-9]*: //' -e 's/\\\\.*//'"
		       " -e 's/^%s //' -e 's/%s$/LINK/' -e 's/ *$//' | sort",
		       name, name, name, name);
}

/* --- all of it ------------------------------------------------------------------ */

Test(migrate, everything_moves_from_our_overlay_as_it_is)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	cleanup_free char *left = NULL;

	put_full();
	before = state_of("vxlan-storage");
	cr_expect_eq(site_shim_ensure(NODE_LOOK), NODE_WRONG);
	site_shim_make();
	after = state_of("lhnet1-host");
	cr_expect(ns_same(before, after));
	left = state_of("vxlan-storage");
	cr_expect_str_eq(left, "");
	site_expect("1",
		    "cat /proc/sys/net/ipv4/conf/vxlan-storage/arp_ignore");
	site_expect("2", "cat /proc/sys/net/ipv4/conf/lhnet1-host/rp_filter");
	site_shim_expect_right("moved");
	cr_expect_eq(site_overlay_ensure(&site, NODE_LOOK, &parent), NODE_OK,
		     "%s", site.err.details);
}

Test(migrate, a_label_that_is_the_links_name_becomes_the_shims)
{
	put("addr add 10.100.1.1/24 dev vxlan-storage");
	site_shim_make();
	site_expect("scope global lhnet1-host", "ip -4 addr show lhnet1-host");
}

Test(migrate, secondaries_move_whether_they_are_promoted_or_not)
{
	for (int promote = 0; promote <= 1; promote++) {
		ns_do(-1,
		      "for i in all default vxlan-storage; do echo %d"
		      " >/proc/sys/net/ipv4/conf/$i/promote_secondaries;"
		      " done",
		      promote);
		put("addr add 10.100.1.77/24 dev vxlan-storage\n"
		    "addr add 10.100.1.1/24 dev vxlan-storage\n"
		    "addr add 10.100.1.78/24 dev vxlan-storage");
		site_shim_make();
		site_expect("10.100.1.77/24 scope global lhnet1-host",
			    "ip addr show lhnet1-host");
		site_expect("10.100.1.1/24 scope global secondary",
			    "ip addr show lhnet1-host");
		site_expect("10.100.1.78/24 scope global secondary",
			    "ip addr show lhnet1-host");
		site_expect_not("inet ", "ip addr show vxlan-storage");
		site_shim_expect_right("secondaries");
		ns_do(-1, "ip link del lhnet1-host");
	}
}

Test(migrate, a_row_that_changes_later_leaves_what_came_along)
{
	put("addr add 10.100.1.1/24 dev vxlan-storage\n"
	    "addr add 10.100.1.77/24 dev vxlan-storage");
	site_shim_make();
	site.rows[0].addresses[0] = site_prefix("10.100.1.8/24");
	site_shim_make();
	site_expect("10.100.1.8/24", "ip addr show lhnet1-host");
	site_expect("10.100.1.77/24", "ip addr show lhnet1-host");
	site_expect_not("10.100.1.1/24", "ip addr show lhnet1-host");
	site_shim_expect_right("changed");
}

Test(migrate, a_change_that_fails_leaves_the_parent_as_it_was)
{
	cleanup_free char *before = NULL;
	unsigned int nth = 0;

	reset_full();
	before = ns_snapshot(-1);
	for (;;) {
		cleanup_free char *after = NULL;
		int r;

		site_fail(++nth);
		r = site_shim_ensure(NODE_REPAIR);
		if (!site_failed())
			break;
		cr_expect(r < 0, "change %u failed, the run did not", nth);
		cr_expect_eq(site.err.code, ERROR_SHIM);
		after = ns_snapshot(-1);
		cr_expect(ns_same(before, after), "after change %u: %s", nth,
			  site.err.details);
	}
	fprintf(stderr, "failed: each of %u changes\n", nth - 1);
	cr_expect_geq(nth, 20);
	site_shim_expect_right("after all");
}

Test(migrate, a_change_that_fails_on_a_shim_that_is_there_leaves_both)
{
	cleanup_free char *before = NULL;
	unsigned int nth = 0;

	site_shim_make(); /* and the address comes to the parent afterwards */
	put("addr del 10.100.1.1/24 dev lhnet1-host\n"
	    "addr del fd00:1::1/64 dev lhnet1-host");
	put_full();
	before = ns_snapshot(-1);
	for (;;) {
		cleanup_free char *after = NULL;

		site_fail(++nth);
		site_shim_ensure(NODE_REPAIR);
		if (!site_failed())
			break;
		after = ns_snapshot(-1);
		cr_expect(ns_same(before, after), "after change %u: %s", nth,
			  site.err.details);
	}
	site_shim_expect_right("after all");
}

static bool changes(struct netlink *host)
{
	site.host = host;
	return site_shim_ensure(NODE_REPAIR) == NODE_CHANGED;
}

Test(migrate, killed_anywhere_the_next_run_ends_where_it_would_have_ended)
{
	cleanup_free char *right = NULL;
	unsigned int nth;

	reset_full();
	site_shim_make();
	right = ns_snapshot(-1);
	for (nth = 1;; nth++) {
		cleanup_free char *after = NULL;

		reset_full();
		if (!site_dies(nth, changes))
			break;
		site_shim_make();
		after = ns_snapshot(-1);
		cr_expect(ns_same(right, after), "killed before change %u",
			  nth);
		site_shim_expect_right("completed");
	}
	fprintf(stderr, "killed: before each of %u changes\n", nth - 1);
	cr_expect_geq(nth, 20);
}

/* --- what must not move -------------------------------------------------------------- */

Test(migrate, what_must_not_move_is_refused_and_nothing_touched)
{
	static const struct {
		const char *state;
		const char *says;
	} cases[] = {
		{ "addr add 10.100.1.1/24 dev vxlan-storage\n"
		  "route add default via 10.100.1.2 dev vxlan-storage",
		  "10.100.1.1/24 stays on vxlan-storage, which has the default"
		  " route" },
		{ "addr add fd00:1::1/64 dev vxlan-storage nodad\n"
		  "route add default via fd00:1::2 dev vxlan-storage",
		  "which has the default route" },
		{ "addr add 10.100.1.1/24 dev vxlan-storage valid_lft 3600"
		  " preferred_lft 3600",
		  "it has a lifetime" },
		{ "addr add 10.100.1.1/24 dev vxlan-storage\n"
		  "addr add 172.16.5.1/24 dev vxlan-storage valid_lft 3600"
		  " preferred_lft 3600",
		  "172.16.5.1/24 stays on vxlan-storage: it has a lifetime" },
		{ "addr add 10.100.1.1/16 dev vxlan-storage",
		  "vxlan-storage has 10.100.1.1/16, and the shim is to have"
		  " 10.100.1.1/24" },
		{ "addr add 10.100.1.77/24 dev vxlan-storage",
		  "vxlan-storage carries 10.100.1.77/24, of the subnet of"
		  " 10.100.1.1/24" },
		{ "addr add 10.100.1.1/24 dev vxlan-storage\n"
		  "addr add 10.100.1.1/32 dev under2",
		  "10.100.1.1/32, the node's address, is on under2 already" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put(cases[i].state);
		site_shim_expect_refused(ERROR_SHIM, cases[i].says);
		ns_do(-1, "ip addr flush dev vxlan-storage;"
			  " ip -6 route flush default;"
			  " ip addr del 10.100.1.1/32 dev under2 2>/dev/null;"
			  " true");
	}
}

Test(migrate, half_moved_and_on_a_third_link_it_is_refused)
{
	site_shim_make();
	put("addr add 10.100.1.1/24 dev vxlan-storage\n"
	    "addr add 10.100.1.1/32 dev under2");
	site_shim_expect_refused(ERROR_SHIM, "is on under2 already");
}

static void start_nic(void)
{
	site_init_plain(&site);
	site_shim_find_parent();
	site.config.shim.present = true;
	site.config.shim.addresses[0] = site_prefix("192.168.7.1/24");
	site.config.shim.n_addresses = 1;
	site_range(&site, "192.168.7.0/24", "192.168.7.64", "192.168.7.127");
}

TestSuite(nic, .init = start_nic, .fini = site_shim_stop);

Test(nic, keeps_its_address_unless_told_otherwise)
{
	site_shim_expect_refused(ERROR_SHIM,
				 "\"hostShim\": {\"migrate\": true}");
	site.config.shim.migrate = true;
	ns_do(-1, "ip addr add 172.16.5.1/24 dev eth1;"
		  " ip route add 10.1.0.0/16 via 172.16.5.2;"
		  " ip route add 10.2.0.0/16 via 192.168.7.2");
	site_shim_make();
	site_expect("inet 192.168.7.1/24", "ip addr show hs-eth1");
	site_expect("10.2.0.0/16", "ip route show dev hs-eth1");
	site_expect("inet 172.16.5.1/24", "ip addr show eth1");
	site_expect("10.1.0.0/16", "ip route show dev eth1");
	site_expect_not("192.168.7.1", "ip addr show eth1");
	site_expect_not("10.2.0.0/16", "ip route show dev eth1");
	site_shim_expect_right("told");
}

Test(nic, never_gives_it_up_with_the_default_route)
{
	site.config.shim.migrate = true;
	ns_do(-1, "ip route add default via 192.168.7.254");
	site_shim_expect_refused(ERROR_SHIM,
				 "eth1, which has the default route");
	site.config.shim.n_addresses = 0;
	site_shim_expect_refused(ERROR_SHIM,
				 "eth1, which has the default route");
}

Test(nic, is_a_source_only_if_told)
{
	site.config.shim.n_addresses = 0;
	cr_expect_eq(site_shim_ensure(NODE_REPAIR), NODE_OK);
	cr_expect_eq(shim.index, 0);
	site.config.shim.migrate = true;
	site_shim_make();
	site_expect("inet 192.168.7.1/24", "ip addr show hs-eth1");
	site_shim_expect_right("told");
}

/* --- somebody else's overlay ------------------------------------------------------------- */

Test(foreign, its_address_in_the_pod_subnet_is_the_nodes_and_moves)
{
	site_range(&site, "fd00:1::/64", "fd00:1::100", "fd00:1::1ff");
	put("addr add 10.100.1.5/24 dev vxlan-storage\n"
	    "addr add 10.100.1.77/24 dev vxlan-storage\n"
	    "addr add fd00:1::5/64 dev vxlan-storage nodad\n"
	    "addr add fd00:1::77/64 dev vxlan-storage nodad");
	site_shim_make();
	site_expect("10.100.1.5/24", "ip addr show lhnet1-host");
	site_expect("10.100.1.77/24 scope global secondary",
		    "ip addr show lhnet1-host");
	site_expect("fd00:1::5/64", "ip addr show lhnet1-host");
	site_expect("fd00:1::77/64", "ip addr show lhnet1-host");
	site_expect_not("global", "ip addr show vxlan-storage");
	site_expect("1",
		    "cat /proc/sys/net/ipv4/conf/vxlan-storage/arp_ignore");
	site_shim_expect_right("moved");
}

/* Without an address it would answer for the shim's, with its own MAC. */
Test(foreign, one_that_never_had_an_address_is_kept_quiet)
{
	site.config.shim.n_addresses = 1;
	site.config.shim.addresses[0] = site_prefix("10.100.1.5/24");
	ns_do(-1, "echo 0 >/proc/sys/net/ipv4/conf/vxlan-storage/arp_ignore");
	site_shim_make();
	site_expect("1",
		    "cat /proc/sys/net/ipv4/conf/vxlan-storage/arp_ignore");
	site_shim_expect_right("quiet");
	ns_do(-1, "ip addr add 172.16.5.1/24 dev vxlan-storage;"
		  " echo 0 >/proc/sys/net/ipv4/conf/vxlan-storage/arp_ignore");
	site_shim_expect_right("of somebody who has an address");
	site_expect("0",
		    "cat /proc/sys/net/ipv4/conf/vxlan-storage/arp_ignore");
}

Test(foreign, one_without_a_shim_section_has_its_address_moved_too)
{
	site.config.shim.present = false;
	put("addr add 10.100.1.5/24 dev vxlan-storage");
	site_shim_make();
	site_expect("10.100.1.5/24", "ip addr show lhnet1-host");
	site_shim_expect_right("moved");
}

/* A NAD of the reference plugin must go on as it did. */
Test(foreign, without_a_shim_section_what_may_not_move_is_left)
{
	static const char *const cases[] = {
		"addr add 10.100.1.5/24 dev vxlan-storage\n"
		"route add default via 10.100.1.2 dev vxlan-storage",
		"addr add 10.100.1.5/24 dev vxlan-storage valid_lft 3600"
		" preferred_lft 3600",
		"addr add 172.16.5.1/24 dev vxlan-storage",
	};

	site.config.shim.present = false;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put(cases[i]);
		cr_expect_eq(site_shim_ensure(NODE_REPAIR), NODE_OK, "%s: %s",
			     cases[i], site.err.details);
		cr_expect_eq(shim.index, 0);
		ns_do(-1, "ip addr flush dev vxlan-storage");
	}
}

Test(foreign, with_one_it_is_refused)
{
	put("addr add 10.100.1.5/24 dev vxlan-storage\n"
	    "route add default via 10.100.1.2 dev vxlan-storage");
	site_shim_expect_refused(ERROR_SHIM, "which has the default route");
	ns_do(-1, "ip addr flush dev vxlan-storage");
	put("addr add 10.100.1.5/24 dev vxlan-storage valid_lft 3600"
	    " preferred_lft 3600");
	site_shim_expect_refused(ERROR_SHIM, "it has a lifetime");
}

Test(foreign, it_keeps_what_is_of_another_subnet)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	put("addr add 172.16.5.1/24 dev vxlan-storage\n"
	    "route add 10.1.0.0/16 via 172.16.5.2 dev vxlan-storage\n"
	    "route add 10.3.0.0/16 dev vxlan-storage scope link\n"
	    "addr add fd00:5::1/64 dev vxlan-storage nodad\n"
	    "route add fd00:201::/32 via fd00:5::2 dev vxlan-storage");
	before = state_of("vxlan-storage");
	put("addr add 10.100.1.5/24 dev vxlan-storage\n"
	    "route add 10.2.0.0/16 via 10.100.1.2 dev vxlan-storage\n"
	    "route add 10.4.0.0/16 dev vxlan-storage src 10.100.1.5\n"
	    "route add 10.100.1.128/25 dev vxlan-storage mtu 1400\n");
	site_shim_make();
	after = state_of("vxlan-storage");
	cr_expect(ns_same(before, after));
	site_expect("10.2.0.0/16 via 10.100.1.2",
		    "ip route show dev lhnet1-host");
	site_expect("10.4.0.0/16", "ip route show dev lhnet1-host");
	site_expect("10.100.1.128/25", "ip route show dev lhnet1-host");
	site_shim_expect_right("in part");
}

Test(foreign, without_a_range_that_we_know_nothing_of_it_is_ours)
{
	size_t n_sets = site.config.ipam.n_sets;

	site.config.ipam.n_sets = 0;
	put("addr add 10.100.1.5/24 dev vxlan-storage");
	cr_expect_eq(site_shim_ensure(NODE_REPAIR), NODE_OK, "%s",
		     site.err.details);
	cr_expect_eq(shim.index, 0);
	site.config.shim.migrate = true;
	site_shim_make();
	site_expect("10.100.1.5/24", "ip addr show lhnet1-host");
	site_shim_expect_right("told");
	site.config.ipam.n_sets = n_sets;
}

Test(foreign, killed_anywhere_the_next_run_ends_where_it_would_have_ended)
{
	static const char state[] =
		"addr add 172.16.5.1/24 dev vxlan-storage\n"
		"route add 10.1.0.0/16 via 172.16.5.2 dev vxlan-storage\n"
		"addr add 10.100.1.5/24 dev vxlan-storage\n"
		"addr add 10.100.1.77/24 dev vxlan-storage\n"
		"addr add fd00:1::5/64 dev vxlan-storage nodad\n"
		"addr add fd00:1::77/64 dev vxlan-storage nodad\n"
		"route add 10.2.0.0/16 via 10.100.1.2 dev vxlan-storage\n"
		"route add fd00:201::/32 via fd00:1::2 dev vxlan-storage\n";
	cleanup_free char *right = NULL;
	unsigned int nth;

	site_range(&site, "fd00:1::/64", "fd00:1::100", "fd00:1::1ff");
	for (nth = 0;; nth++) {
		cleanup_free char *after = NULL;

		put(state);
		if (nth > 0 && !site_dies(nth, changes))
			break;
		site_shim_make();
		site_shim_expect_right("completed");
		after = ns_snapshot(-1);
		if (nth == 0)
			right = take_ptr(after);
		else
			cr_expect(ns_same(right, after),
				  "killed before change %u", nth);
		ns_do(-1, "ip link del lhnet1-host;"
			  " ip addr flush dev vxlan-storage;"
			  " echo 0 >/proc/sys/net/ipv4/conf/vxlan-storage/"
			  "arp_ignore");
	}
	cr_expect_geq(nth, 20);
}
