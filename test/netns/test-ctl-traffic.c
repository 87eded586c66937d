#include "plugin/ctl/traffic.h"
#include "test/netns/ctl.h"
#include "test/support/flow.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * shimctl traffic on the first of three nodes, each on a link of its own; eth0
 * has the default route.
 */

#define NODES                                                                  \
	"\"cniVersion\": \"1.1.0\", \"name\": \"storage\", "                   \
	"\"type\": \"hostshim\", \"master\": \"vxlan-storage\", "              \
	"\"hostShim\": { \"name\": \"lhnet1-host\" }, \"nodes\": { "           \
	"\"k8s-1\": { \"vtep\": \"10.100.100.1\", "                            \
	"\"address\": \"10.100.1.1/24\" }, "                                   \
	"\"k8s-2\": { \"vtep\": \"10.100.100.2\", "                            \
	"\"address\": \"10.100.1.2/24\" }, "                                   \
	"\"k8s-3\": { \"vtep\": \"10.100.100.3\", "                            \
	"\"address\": \"10.100.1.3/24\" } }, " SEED_IPAM

static const char config[] = "{ \"vxlan\": { \"id\": 100 }, " NODES " }";
static const char hub_config[] =
	"{ \"vxlan\": { \"id\": 100, \"learning\": false }, " NODES " }";

static int third;
static struct flow flow;

static void on_node(int ns, const char *node, const char *command)
{
	char args[NS_PATH + 64];
	char path[NS_PATH];

	snprintf(args, sizeof(args), "$C --netns %s --node %s %s",
		 ns_path(ns, path), node, command);
	cr_assert_eq(ctl_run(args, NULL, NULL), 0, "%s", args);
}

static void open_up(void)
{
	ctl_open();
	third = ns_new();
	ns_do(-1, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1"
		  " net.ipv6.conf.default.disable_ipv6=1");
	ns_veth(-1, "under3", third, "under1");
	ns_do(-1, "ip addr add 172.16.3.1/24 dev under3;"
		  " ip route add 10.100.100.3 via 172.16.3.3;"
		  " ip link add eth0 type veth peer name sw0;"
		  " ip link set eth0 up; ip link set sw0 up;"
		  " ip addr add 192.0.2.1/24 dev eth0;"
		  " ip route add default via 192.0.2.254");
	ns_do(third, "ip addr add 10.100.100.3/32 dev lo;"
		     " ip addr add 172.16.3.3/24 dev under1;"
		     " ip route add 10.100.100.1 via 172.16.3.1");
}

static void close_down(void)
{
	close(third);
	seed_close();
}

TestSuite(ctl_traffic, .init = open_up, .fini = close_down, .timeout = 240);

static void up(const char *text)
{
	ctl_write(text);
	cr_assert_eq(ctl_run("$C up", NULL, NULL), 0);
	on_node(seed_other, "k8s-2", "up");
	on_node(third, "k8s-3", "up");
}

/* Until flow_end(): pings from the host, 500 in a second if the machine is idle. */
static void flow_begin(const char *to, const char *and_to)
{
	struct flow_plan plan = { .pings = { { -1, NULL, to },
					     { -1, NULL, and_to } },
				  .n_pings = and_to ? 2 : 1 };

	flow_start(&plan, &flow);
}

static void flow_end(void)
{
	struct flow_result result;

	flow_stop(&flow, &result);
}

#define HEAD                                                                   \
	"storage on k8s-1, N s\n"                                              \
	"ROLE      INTERFACE           TX Mb/s     RX Mb/s    SHARE\n"

/* --- where the bytes go -------------------------------------------------------- */

Test(ctl_traffic, each_interface_and_a_verdict)
{
	up(config);
	flow_begin("10.100.1.2", NULL);
	ctl_measures("$C traffic --window 3", 0,
		     HEAD "shim      lhnet1-host N N N %\n"
			  "pods      0 interfaces N N N %\n"
			  "overlay   vxlan-storage N N N copies per frame\n"
			  "underlay  under0 N N N % N % of 10000 Mb/s\n"
			  "underlay  under3 N N N % N % of 10000 Mb/s\n"
			  "default   eth0 N N N % N % of 10000 Mb/s\n"
			  "each frame is sent once; storage stays off the "
			  "default-route interface eth0\n");
	flow_end();
}

#define ROW(role, name, n, speed, gate)                                        \
	"{\"role\":\"" role "\",\"name\":" name ",\"interfaces\":" #n          \
	",\"txBytes\":N,\"rxBytes\":N,\"txFrames\":N,\"rxFrames\":N,"          \
	"\"sharePercent\":N,\"speed\":" speed ",\"defaultRoute\":" gate        \
	",\"reset\":false}"

Test(ctl_traffic, the_same_for_programs)
{
	up(config);
	seed_do("ADD", config);
	flow_begin("10.100.1.2", NULL);
	ctl_measures(
		"$C traffic --window 3 --threshold 12.5 --speed 100000 -o json",
		0,
		"{\"command\":\"traffic\",\"networks\":[{\"network\":"
		"\"storage\",\"node\":\"k8s-1\",\"seconds\":N,\"interfaces\":[" ROW(
			"shim", "\"lhnet1-host\"", 1, "100000",
			"false") "," ROW("pods", "null", 1, "null",
					 "false") ","
						  "{\"role\":\"overlay\",\"name\":\"vxlan-storage\",\"interfaces"
						  "\":1,\"txBytes\":N,\"rxBytes\":N,\"txFrames\":N,\"rxFrames\":"
						  "N,\"sharePercent\":null,\"speed\":100000,\"defaultRoute\":"
						  "false,\"reset\":false}," ROW(
							  "underlay",
							  "\"under0\"", 1,
							  "100000",
							  "false") "," ROW("underlay",
									   "\"under3\"",
									   1,
									   "100000",
									   "false") "," ROW("default",
											    "\"eth0\"",
											    1,
											    "100000",
											    "true") "],\"framesLocal\":N,\"framesLeft\":N,\"framesForeign\":N,"
												    "\"copiesPerFrame\":N,\"copies\":\"each frame is sent once\","
												    "\"defaultRoute\":\"storage stays off the default-route "
												    "interface eth0\",\"thresholdPercent\":12.500,\"links\":["
												    "{\"name\":\"under0\",\"samples\":3,\"above\":0,"
												    "\"averagePercent\":N,\"highestPercent\":N,\"consistently\":"
												    "false},{\"name\":\"under3\",\"samples\":3,\"above\":0,"
												    "\"averagePercent\":N,\"highestPercent\":N,\"consistently\":"
												    "false}]}],\"findings\":[]}\n");
	flow_end();
}

Test(ctl_traffic, a_hub_is_found_where_it_floods_and_where_it_is_flooded)
{
	char args[NS_PATH + 64];
	char path[NS_PATH];

	up(hub_config);
	flow_begin("10.100.1.2", NULL);
	ctl_measures("$C traffic --window 3 | tail -n 2", 0,
		     "each frame is sent N times; storage stays off the "
		     "default-route interface eth0\n"
		     "FAIL vxlan-storage: sends each frame N times, to 2 "
		     "peers: it is a hub, because learning is off -> set "
		     "vxlan.learning to true, then: shimctl up\n");
	cr_expect_eq(ctl_run("$C traffic --window 3", NULL, NULL), 1);
	snprintf(args, sizeof(args),
		 "$C --netns %s --node k8s-3 traffic --window 3 | tail -n 1 | "
		 "sed 's/[0-9][0-9]* of [0-9]*/many/'",
		 ns_path(third, path));
	ctl_measures(args, 0,
		     "WARN vxlan-storage: many frames that came were for other "
		     "nodes: one of those floods -> shimctl traffic on the "
		     "other nodes\n");
	flow_end();
}

Test(ctl_traffic, a_link_that_storage_shares_is_named)
{
	up(config);
	ns_do(-1, "ip route replace default via 172.16.0.2");
	flow_begin("10.100.1.2", NULL);
	ctl_measures("$C traffic --window 3", 0,
		     HEAD
		     "shim      lhnet1-host N N N %\n"
		     "pods      0 interfaces N N N %\n"
		     "overlay   vxlan-storage N N N copies per frame\n"
		     "underlay  under0 N N N %  default route, N % of 10000 "
		     "Mb/s\n"
		     "underlay  under3 N N N % N % of 10000 Mb/s\n"
		     "each frame is sent once; storage shares under0 with the "
		     "default route\n");
	flow_end();
	ns_do(-1, "ip route del default");
	ctl_measures("$C traffic --window 1 | grep -c 'there is no default "
		     "route'",
		     0, "1\n");
}

/* --- is it too much? -------------------------------------------------------------- */

Test(ctl_traffic, storage_consistently_above_a_part_of_the_link_is_a_failure)
{
	up(config);
	flow_begin("10.100.1.2", NULL);
	ctl_measures("$C traffic --window 3 --threshold 0.5 --speed 1 | "
		     "tail -n 2",
		     0,
		     "under3: storage is not above N %: N % of 1 Mb/s on "
		     "average, N % at most, above N % in 0 of 3 samples\n"
		     "FAIL under0: storage is consistently above N %: N % of 1 "
		     "Mb/s on average, N % at most, above N % in 3 of 3 "
		     "samples -> give storage a faster link, or more of "
		     "them\n");
	cr_expect_eq(ctl_run("$C traffic --window 2 --threshold 0.5 --speed 1",
			     NULL, NULL),
		     1);
	ns_do(-1, "ip route replace default via 172.16.0.2");
	ctl_measures("$C traffic --window 2 --threshold 0.5 --speed 1 | "
		     "tail -n 1 | sed 's/.*->/->/'",
		     0, "-> give storage a link of its own\n");
	ctl_measures("$C traffic --window 2 --threshold 50 | tail -n 2", 0,
		     "under0: storage is not above 50 %: N % of 10000 Mb/s on "
		     "average, N % at most, above 50 % in 0 of 2 samples\n"
		     "under3: storage is not above 50 %: N % of 10000 Mb/s on "
		     "average, N % at most, above 50 % in 0 of 2 samples\n");
	flow_end();
}

/* A bridge tells no speed while it has no port. */
Test(ctl_traffic, without_the_links_speed_there_is_nothing_to_compare_with)
{
	ns_do(-1, "ip link add br0 type bridge; ip link set br0 up;"
		  " ip addr add 192.168.7.1/24 dev br0");
	ctl_write("{ \"cniVersion\": \"1.1.0\", \"name\": \"flat\", \"type\": "
		  "\"hostshim\", \"master\": \"br0\", \"ipam\": { \"type\": "
		  "\"hostshim\", \"range\": \"192.168.7.128/25\" } }");
	ctl_measures("$C traffic --window 1", 0,
		     "flat on k8s-1, N s\n"
		     "ROLE     INTERFACE           TX Mb/s     RX Mb/s    "
		     "SHARE\n"
		     "pods     0 interfaces N N N %\n"
		     "parent   br0 N N N %  speed unknown\n"
		     "default  eth0 N N N % N % of 10000 Mb/s\n"
		     "br0 is no overlay: nothing is copied; storage stays off "
		     "the default-route interface eth0\n");
	ctl_measures("$C traffic --window 1 --threshold 50 | tail -n 1", 0,
		     "FAIL br0: its speed is unknown: there is nothing to "
		     "compare with -> give it, in Mb/s: --speed 10000\n");
	cr_expect_eq(ctl_run("$C traffic --window 1 --threshold 50", NULL,
			     NULL),
		     3);
	cr_expect_eq(ctl_run("$C traffic --window 1 --threshold 50 --speed "
			     "1000",
			     NULL, NULL),
		     0);
}

/* --- time --------------------------------------------------------------------------- */

Test(ctl_traffic, watching_goes_on_until_nobody_listens)
{
	up(config);
	ctl_prints(
		"$C traffic --watch --window 1 -o json 2>/dev/null | "
		"head -n 2 | grep -c '\"at\":\"2.*Z\".*\"findings\":\\[\\]}$'",
		0, "2\n");
}

Test(ctl_traffic, an_interrupted_window_is_told_as_far_as_it_went)
{
	up(config);
	ctl_prints("$C traffic --watch --window 3600 >/run/said & "
		   "pid=$!; until grep -q sigtimedwait /proc/$pid/wchan; "
		   "do sleep 0.1; done; kill -INT $pid; "
		   "wait $pid; echo $?; grep -c interface /run/said",
		   0, "0\n2\n");
}

/* The signal waits for it, as one does that comes while it looks. */
Test(ctl_traffic, no_signal_is_slept_through)
{
	up(config);
	ctl_prints("--version >/dev/null; env --block-signal=TERM sh -c 'kill "
		   "$$; exec shimctl $C traffic --watch --window 3600' | "
		   "grep -c interface",
		   0, "2\n");
}

/* --- between two looks, without a clock ------------------------------------------------ */

static struct ctl ctl;
static struct traffic traffic;

static void look(void)
{
	static const char *files[] = { CTL_CONFIG };
	struct error err = { 0 };

	if (ctl.n_networks == 0) {
		ctl.files = files;
		ctl.n_files = 1;
		setenv("NODENAME", "k8s-1", 1);
		cr_assert_eq(ctl_networks_read(&ctl, &err), 0, "%s",
			     err.details);
		cr_assert_eq(netlink_open(-1, &ctl.host, &err), 0);
		traffic.ctl = &ctl;
		traffic.network = &ctl.networks[0];
	}
	cr_assert_eq(traffic_look(&traffic, &err), 0, "%s", err.details);
}

static void look_away(void)
{
	traffic_clear(&traffic);
	netlink_close(ctl.host);
	ctl_networks_clear(&ctl);
}

/* What a pod of this node is sent never comes to the overlay. */
Test(ctl_traffic, local_frames_are_told_from_those_that_leave)
{
	struct counters_copies copies;

	up(config);
	seed_do("ADD", config);
	ns_ping(-1, "10.100.1.16", 1);
	ns_ping(-1, "10.100.1.2", 1);
	look();
	ns_do(-1, "ping -q -f -c 500 10.100.1.16; ping -q -f -c 200 "
		  "10.100.1.2");
	look();
	copies = traffic_copies(&traffic, false);
	look_away();
	cr_expect_geq(copies.local, 990, "%zu", (size_t)copies.local);
	cr_expect_geq(copies.left, 195, "%zu", (size_t)copies.left);
	cr_expect_leq(copies.left, 250, "%zu", (size_t)copies.left);
	cr_expect_leq(copies.milli, 1200, "%zu", (size_t)copies.milli);
}

static const struct traffic_link *find(const char *name)
{
	for (size_t i = 0; i < traffic.count; i++)
		if (strcmp(traffic.links[i].name, name) == 0)
			return &traffic.links[i];
	cr_assert_fail("no %s", name);
	return NULL;
}

Test(ctl_traffic, a_link_that_is_made_anew_meanwhile_begins_at_nothing)
{
	up(config);
	ns_ping(-1, "192.0.2.254", 2);
	look();
	cr_expect_not(find("eth0")->is_reset);
	cr_expect_eq(find("eth0")->sum.tx_bytes, 0);
	ns_do(-1, "ip link del eth0; ip link add eth0 type veth peer name sw0;"
		  " ip link set eth0 up; ip link set sw0 up;"
		  " ip route add default dev eth0");
	look();
	cr_expect(find("eth0")->is_reset);
	cr_expect_lt(find("eth0")->sum.tx_bytes, 10000);
	look_away();
}

Test(ctl_traffic, what_cannot_be_measured)
{
	ctl_prints("$C traffic --window 1", 3,
		   "FAIL storage: vxlan-storage does not exist -> shimctl "
		   "up\n");
	ctl_fails("$C traffic --window 0", 2,
		  "shimctl: --window 0: seconds, 1 to 86400 -> shimctl "
		  "--help\n");
	ctl_fails("$C traffic --threshold 101", 2,
		  "shimctl: --threshold 101: per cent, 0.001 to 100 -> "
		  "shimctl --help\n");
	ctl_fails("$C traffic --speed fast", 2,
		  "shimctl: --speed fast: Mb/s, 1 to 100000000 -> shimctl "
		  "--help\n");
	ctl_fails("$C traffic x", 2,
		  "shimctl: traffic: \"x\" is too much -> shimctl --help\n");
}
