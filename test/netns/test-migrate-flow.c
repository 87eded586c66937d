#include "plugin/overlay.h"
#include "plugin/shim.h"
#include "test/netns/site.h"
#include "test/support/flow.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/*
 * Node "k8s-1" and its peer "k8s-2" in a namespace of its own, an overlay
 * between them. The peer's other address, 10.200.0.5, is behind a static route.
 * Traffic runs, and the node's address moves.
 */

#define RUNS 20

static struct site site;
static struct netlink_link parent;
static struct netlink_link shim;
static int peer;

struct family {
	const char *name;
	const char *address; /* the node's, a row's */
	const char *node, *peer, *remote;
	const char *setup; /* in the node, on the overlay */
};

static const struct family families[] = {
	{ "IPv4", "10.100.1.1/24", "10.100.1.1", "10.100.1.2", "10.200.0.5",
	  "addr add 10.100.1.1/24 brd + dev vxlan-storage\n"
	  "route add 10.200.0.0/16 via 10.100.1.2 dev vxlan-storage\n"
	  "route add default via 10.100.1.2 dev vxlan-storage table 100\n" },
	{ "IPv6", "fd00:1::1/64", "fd00:1::1", "fd00:1::2", "fd00:200::5",
	  "addr add fd00:1::1/64 dev vxlan-storage nodad\n"
	  "route add fd00:200::/32 via fd00:1::2 dev vxlan-storage\n"
	  "route add default via fd00:1::2 dev vxlan-storage table 100\n" },
};

static void start(void)
{
	site_init(&site);
	site_rows(&site, 2);
	peer = site_peer();
	site.config.shim.present = true;
	site.config.shim.name = strdup("lhnet1-host");
	cr_assert_eq(site_overlay_ensure(&site, NODE_REPAIR, &parent),
		     NODE_CHANGED, "%s", site.err.details);
}

static void stop(void)
{
	close(peer);
	free(site.config.shim.name);
	site_clear(&site);
}

TestSuite(flow, .init = start, .fini = stop, .timeout = 280);

/* The address and its routes are on the parent, and everybody knows it there. */
static void reset(const struct family *family)
{
	ns_try(-1, NULL, "ip link del lhnet1-host");
	ns_do(-1,
	      "ip addr flush dev vxlan-storage scope global; ip neigh flush all;"
	      " for f in 4 6; do"
	      " ip -$f route flush table 100; ip -$f route flush dev"
	      " vxlan-storage proto boot; done 2>/dev/null;"
	      " echo 0 >/proc/sys/net/ipv4/conf/vxlan-storage/arp_ignore;"
	      " echo '%s' | ip -batch -",
	      family->setup);
	ns_do(peer, "ip neigh flush all");
	site.rows[0].addresses[0] = site_prefix(family->address);
	site.rows[0].n_addresses = 1;
}

static int ensure(struct netlink *host)
{
	cleanup_node_parent struct node_parent on = { .link = parent };

	site.err = (struct error){ 0 };
	return shim_ensure(host, &site.config, &site.node, &on, NODE_REPAIR,
			   &shim, &site.err);
}

static void make(void)
{
	cr_assert_eq(ensure(site.host), NODE_CHANGED, "%s", site.err.details);
}

static void expect_done(void)
{
	site_changes();
	cr_expect_eq(ensure(site.host), NODE_OK, "%s", site.err.details);
	cr_expect_eq(site_changes(), 0, "a second run writes");
}

/* Outbound and inbound, to the subnet and through the static route, and TCP. Or
 * inbound only: what the node sends of itself would tell the peer, too. */
static void start_flows(const struct family *family, bool inbound_only,
			struct flow *ret)
{
	struct flow_plan plan = {
		.pings = {
			{ -1, family->node, family->remote },
			{ -1, NULL, family->peer },
			{ peer, family->peer, family->node },
			{ peer, family->remote, family->node },
		},
		.n_pings = 4,
		.tcp = true,
		.tcp_ns = peer,
	};

	if (inbound_only) {
		plan.pings[0] = plan.pings[2];
		plan.n_pings = 1;
		plan.tcp = false;
	}
	flow_start(&plan, ret);
}

struct sum {
	unsigned int runs;
	unsigned int sent;
	unsigned int lost;
	unsigned int retransmitted;
	unsigned int stall_ms;
	unsigned int different;
};

static void add(struct sum *sum, const struct flow_result *result)
{
	sum->runs++;
	sum->sent += result->sent;
	sum->lost += result->lost;
	sum->retransmitted += result->tcp_retransmitted;
	if (result->tcp_stall_ms > sum->stall_ms)
		sum->stall_ms = result->tcp_stall_ms;
	if (result->lost)
		fprintf(stderr, "lost: %u %u %u %u, within %ld ms\n",
			result->lost_of[0], result->lost_of[1],
			result->lost_of[2], result->lost_of[3],
			(result->last_lost_us - result->first_lost_us) / 1000);
}

/* --- undisturbed --------------------------------------------------------------- */

static void run(const struct family *family, bool inbound_only, struct sum *sum)
{
	struct flow_result result;
	struct flow flow;

	reset(family);
	start_flows(family, inbound_only, &flow);
	make();
	ns_sleep_ms(60);
	flow_stop(&flow, &result);
	add(sum, &result);
}

static void run_all(const struct family *family, int rp_filter)
{
	struct sum sum = { 0 };
	struct sum inbound = { 0 };

	site_rp_filter(rp_filter);
	for (int i = 0; i < RUNS; i++) {
		run(family, false, &sum);
		run(family, true, &inbound);
	}
	expect_done();
	fprintf(stderr,
		"migration: %s rp_filter %d: %u runs of 5 flows: %u sent, %u"
		" lost, TCP %u retransmitted, %u ms longest stall; %u runs of"
		" 1 inbound flow: %u sent, %u lost\n",
		family->name, rp_filter, sum.runs, sum.sent, sum.lost,
		sum.retransmitted, sum.stall_ms, inbound.runs, inbound.sent,
		inbound.lost);
	cr_expect_eq(sum.lost + inbound.lost, 0);
	cr_expect(sum.stall_ms < 200 || sum.retransmitted == 0,
		  "TCP ran into its timeout");
}

Test(flow, nothing_is_lost_while_the_address_moves)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		for (int rp_filter = 0; rp_filter <= 2; rp_filter++)
			run_all(&families[i], rp_filter);
}

/* --- killed -------------------------------------------------------------------------- */

static bool changes(struct netlink *host)
{
	return ensure(host) == NODE_CHANGED;
}

static bool kill_once(const struct family *family, bool inbound_only,
		      unsigned int nth, const char *right, struct sum *sum)
{
	struct flow_result result;
	struct flow flow;
	bool died;

	reset(family);
	start_flows(family, inbound_only, &flow);
	died = site_dies(nth, changes);
	ns_sleep_ms(30);
	if (died)
		make();
	ns_sleep_ms(30);
	flow_stop(&flow, &result);
	if (!died)
		return false;
	if (result.lost)
		fprintf(stderr, "killed before change %u\n", nth);
	add(sum, &result);
	sum->different += !ns_becomes(-1, right);
	return true;
}

static char *undisturbed(const struct family *family)
{
	reset(family);
	make();
	return ns_snapshot(-1);
}

static void kill_all(const struct family *family, int rp_filter)
{
	cleanup_free char *right = NULL;
	struct sum sum = { 0 };

	site_rp_filter(rp_filter);
	right = undisturbed(family);
	for (unsigned int nth = 1; kill_once(family, false, nth, right, &sum);
	     nth++)
		kill_once(family, true, nth, right, &sum);
	expect_done();
	fprintf(stderr,
		"killed: %s rp_filter %d: %u injections (with 5 flows, with 1"
		" inbound): %u sent, %u lost, TCP %u retransmitted, %u ms"
		" longest stall, %u differing final states\n",
		family->name, rp_filter, sum.runs, sum.sent, sum.lost,
		sum.retransmitted, sum.stall_ms, sum.different);
	cr_expect_gt(sum.runs, 20);
	cr_expect_eq(sum.lost, 0);
	cr_expect_eq(sum.different, 0);
}

Test(flow, nothing_is_lost_if_it_is_killed_between_any_two_steps)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		for (int rp_filter = 0; rp_filter <= 2; rp_filter++)
			kill_all(&families[i], rp_filter);
}
