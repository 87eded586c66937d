#include "plugin/overlay.h"
#include "plugin/restore.h"
#include "plugin/shim.h"
#include "test/netns/site-shim.h"
#include "test/support/flow.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * Node "k8s-1" and its peer "k8s-2" in a namespace of its own; the overlay is
 * somebody else's, the node's addresses were moved to the shim, and go back while
 * traffic runs.
 */

#define RUNS 5

static int peer;

static const char state[] =
	"addr add 10.100.1.1/24 brd + dev vxlan-storage\n"
	"addr add 10.100.1.77/24 dev vxlan-storage label vxlan-storage:1\n"
	"addr add 10.100.1.78/32 dev vxlan-storage scope link\n"
	"addr add fd00:1::1/64 dev vxlan-storage nodad\n"
	"addr add fd00:1::77/64 dev vxlan-storage nodad\n"
	"route add 10.200.0.0/16 via 10.100.1.2 dev vxlan-storage\n"
	"route add 10.201.0.0/16 dev vxlan-storage src 10.100.1.77 metric 5\n"
	"route add default via 10.100.1.2 dev vxlan-storage table 100\n"
	"route add fd00:200::/32 via fd00:1::2 dev vxlan-storage\n";

static void start(void)
{
	site_init(&site);
	site_rows(&site, 2);
	peer = site_peer();
	site.config.shim.present = true;
	site.config.shim.name = strdup("lhnet1-host");
	site.rows[0].addresses[1] = site_prefix("fd00:1::1/64");
	site.rows[0].n_addresses = 2;
	ns_do(-1, "ip link add vxlan-storage mtu 8950 type vxlan id 100"
		  " dstport 4789 local 10.100.100.1;"
		  " bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
		  " dst 10.100.100.2;"
		  " ip link set vxlan-storage addrgenmode none up");
	site.config.vxlan.present = false;
	site_shim_find_parent();
}

static void stop(void)
{
	close(peer);
	site_shim_stop();
}

TestSuite(restore, .init = start, .fini = stop, .timeout = 280);

/* All on the parent, as it was before there was a shim. */
static void reset(void)
{
	ns_try(-1, NULL, "ip link del lhnet1-host");
	ns_do(-1,
	      "ip addr flush dev vxlan-storage scope global;"
	      " ip addr flush dev vxlan-storage scope link; for f in 4 6; do"
	      " ip -$f route flush table 100; ip -$f route flush dev"
	      " vxlan-storage proto boot; done 2>/dev/null;"
	      " echo 0 >/proc/sys/net/ipv4/conf/vxlan-storage/arp_ignore;"
	      " echo '%s' | ip -batch -; ip neigh flush all",
	      state);
	ns_do(peer, "ip neigh flush all");
}

static int run(struct netlink *host, struct error *err)
{
	cleanup_restore struct restore restore = { .host = host,
						   .parent = &parent,
						   .shim = &shim };
	int r;

	r = netlink_link_get(host, "lhnet1-host", &shim, err);
	if (r == NETLINK_ABSENT)
		return 0;
	if (r == 0)
		r = restore_plan(&restore, err);
	return r == 0 ? restore_run(&restore, err) : r;
}

static void must_run(void)
{
	struct error err = { 0 };

	cr_assert_eq(run(site.host, &err), 0, "%s", err.details);
}

static bool runs(struct netlink *host)
{
	struct error err = { 0 };

	return run(host, &err) == 0;
}

static void start_flows(struct flow *ret)
{
	const struct flow_plan plan = {
		.pings = {
			{ -1, "10.100.1.1", "10.200.0.5" },
			{ peer, "10.100.1.2", "10.100.1.1" },
			{ peer, "10.200.0.5", "10.100.1.77" },
			{ peer, "fd00:1::2", "fd00:1::1" },
		},
		.n_pings = 4,
		.tcp = true,
		.tcp_ns = peer,
	};

	flow_start(&plan, ret);
}

/* --- what it ends in ------------------------------------------------------------ */

Test(restore, the_parent_is_as_it_was_before_there_was_a_shim)
{
	for (int rp_filter = 0; rp_filter <= 2; rp_filter++) {
		cleanup_free char *before = NULL;
		cleanup_free char *after = NULL;

		site_rp_filter(rp_filter);
		reset();
		before = ns_snapshot(-1);
		site_shim_make();
		site_expect_not("10.100.1.1", "ip addr show vxlan-storage");
		must_run();
		after = ns_snapshot(-1);
		cr_expect(ns_same(before, after), "rp_filter %d", rp_filter);
		must_run();
	}
}

Test(restore, what_was_never_the_parents_goes_with_the_shim)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	site_shim_stop();
	site_init_plain(&site);
	site_shim_find_parent();
	site.config.shim.present = true;
	site.config.shim.name = strdup("lhnet1-host");
	site.config.shim.addresses[0] = site_prefix("192.168.7.2/24");
	site.config.shim.n_addresses = 1;
	site_range(&site, "192.168.7.0/24", "192.168.7.64", "192.168.7.127");
	before = ns_snapshot(-1);
	site_shim_make();
	site_expect("192.168.7.2/32", "ip addr show lhnet1-host");
	must_run();
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}

Test(restore, what_cannot_be_carried_is_refused_before_anything_changes)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	struct error err = { 0 };

	reset();
	site_shim_make();
	ns_do(-1, "ip addr add 10.100.1.99/24 dev lhnet1-host valid_lft 3600"
		  " preferred_lft 3600");
	before = ns_snapshot(-1);
	cr_expect(run(site.host, &err) < 0);
	cr_expect(strstr(err.details, "10.100.1.99/24 of lhnet1-host has a "
				      "lifetime"),
		  "%s", err.details);
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
	ns_do(-1, "ip addr del 10.100.1.99/24 dev lhnet1-host;"
		  " ip link set vxlan-storage down");
	site_shim_find_parent();
	cr_expect(run(site.host, &err) < 0);
	cr_expect(strstr(err.details, "vxlan-storage is down"), "%s",
		  err.details);
}

/* --- with traffic ------------------------------------------------------------------ */

Test(restore, nothing_is_lost_while_the_addresses_go_back)
{
	for (int rp_filter = 0; rp_filter <= 2; rp_filter++) {
		unsigned int sent = 0, lost = 0;

		site_rp_filter(rp_filter);
		for (int i = 0; i < RUNS; i++) {
			struct flow_result result;
			struct flow flow;

			reset();
			site_shim_make();
			start_flows(&flow);
			must_run();
			ns_sleep_ms(60);
			flow_stop(&flow, &result);
			sent += result.sent;
			lost += result.lost;
		}
		fprintf(stderr,
			"restored: rp_filter %d: %d runs of 5 flows: %u sent, "
			"%u lost\n",
			rp_filter, RUNS, sent, lost);
		cr_expect_eq(lost, 0, "rp_filter %d", rp_filter);
	}
}

static bool kill_once(unsigned int nth, const char *right, unsigned int *sent,
		      unsigned int *lost)
{
	cleanup_free char *after = NULL;
	struct flow_result result;
	struct flow flow;
	bool died;

	reset();
	site_shim_make();
	start_flows(&flow);
	died = site_dies(nth, runs);
	ns_sleep_ms(30);
	if (died)
		must_run();
	ns_sleep_ms(30);
	flow_stop(&flow, &result);
	if (!died)
		return false;
	*sent += result.sent;
	*lost += result.lost;
	after = ns_snapshot(-1);
	cr_expect(ns_same(right, after), "killed before change %u", nth);
	cr_expect_eq(result.lost, 0, "killed before change %u: %u", nth,
		     result.lost);
	return true;
}

Test(restore, killed_anywhere_the_next_run_ends_where_it_would_have_ended)
{
	for (int rp_filter = 0; rp_filter <= 2; rp_filter++) {
		cleanup_free char *right = NULL;
		unsigned int sent = 0, lost = 0;
		unsigned int nth = 1;

		site_rp_filter(rp_filter);
		reset();
		right = ns_snapshot(-1);
		while (kill_once(nth, right, &sent, &lost))
			nth++;
		fprintf(stderr,
			"restored: rp_filter %d: killed %u times: %u sent, "
			"%u lost\n",
			rp_filter, nth - 1, sent, lost);
		cr_expect_geq(nth, 15, "only %u changes", nth);
	}
}

/* A change that fails leaves both links serving, and the next run goes on. */
Test(restore, a_change_that_fails_leaves_nobody_without_an_address)
{
	unsigned int nth;

	for (nth = 1;; nth++) {
		struct error err = { 0 };
		bool failed;
		int r;

		reset();
		site_shim_make();
		site_fail(nth);
		r = run(site.host, &err);
		failed = site_failed();
		site_fail(0);
		if (!failed)
			break;
		cr_expect(r < 0, "change %u", nth);
		cr_expect_geq(ns_ping(-1, "10.100.1.2", 3), 2, "change %u: %s",
			      nth, err.details);
		must_run();
		site_expect("10.100.1.1/24", "ip addr show vxlan-storage");
		site_expect_not("lhnet1-host", "ip link");
	}
	cr_expect_geq(nth, 10, "only %u changes", nth);
}
