#include "test/netns/faults.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* shimctl doctor on other topologies than the mesh: healthy ones, and what is
 * broken only there. */

static void up(void)
{
	cleanup_free char *err = NULL;

	cr_assert_eq(ctl_run("$C up", NULL, &err), 0, "%s", err);
}

/* --- T2: a NIC on a switch ------------------------------------------------------------- */

TestSuite(doctor_flat, .init = faults_flat, .fini = faults_close,
	  .timeout = 240);

Test(doctor_flat, healthy_with_hairpin_or_without_with_one_nic_or_two)
{
	faults_none("storage");
	ns_do(faults_node[1], "bridge link set dev port1 hairpin on");
	faults_none("storage");
	ns_veth(-1, "eth2", faults_node[1], "port2");
	ns_do(faults_node[1], "ip link set port2 master br0");
	ns_do(-1, "ip addr add 192.168.7.9/24 dev eth2");
	faults_none("storage");
}

Test(doctor_flat, a_nic_that_is_down)
{
	faults_has("ip link set eth1 down",
		   "FAIL down: eth1 is down, and is not ours: nothing passes, "
		   "though the interfaces of its pods look up -> set it up "
		   "where it is managed: ip link set eth1 up\n");
}

Test(doctor_flat, a_route_to_the_pods_that_is_gone)
{
	faults_find("ip route del 192.168.7.64/26 dev hs-eth1",
		    "FAIL route: hs-eth1 has no route to 192.168.7.64/26: pods "
		    "of this node in that range are not reached -> shimctl "
		    "up\n");
}

Test(doctor_flat, a_shim_that_asks_with_the_nics_address)
{
	faults_find("sysctl -qw net.ipv4.conf.hs-eth1.arp_announce=0",
		    "FAIL arp: hs-eth1 arp_announce is not 2: it asks in the "
		    "name of other links' addresses, and poisons caches -> "
		    "shimctl up\n");
}

Test(doctor_flat, no_parent)
{
	faults_find("ip link del eth1",
		    "FAIL drift: master: there is no interface \"eth1\" -> "
		    "correct \"master\", or make it, then: shimctl up\n");
}

/* Where sources are filtered the kernel takes no question from such a link. */
Test(doctor_flat, a_nic_without_an_address)
{
	ns_do(-1, "ip addr del 192.168.7.1/24 dev eth1;"
		  " sysctl -qw net.ipv4.conf.all.rp_filter=2");
	up();
	faults_none("storage");
	faults_find("sysctl -qw net.ipv4.conf.all.rp_filter=0",
		    "WARN arp: eth1 has no address, and answers ARP for those "
		    "of hs-eth1: two MACs for one address -> sysctl -w "
		    "net/ipv4/conf/eth1/arp_ignore=1\n");
}

/* --- T3, T4: the node's address on the parent ------------------------------------------ */

static void legacy_open(void)
{
	faults_topology("T4");
	ctl_open();
}

TestSuite(doctor_legacy, .init = legacy_open, .fini = seed_close,
	  .timeout = 240);

static void legacy_parent(void)
{
	ns_do(-1, "ip link add vxlan-storage mtu 1450 type vxlan id 100"
		  " dstport 4789 local 10.100.100.1 nolearning;"
		  " bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
		  " dst 10.100.100.2; ip link set vxlan-storage up");
}

Test(doctor_legacy, each_start_state_is_told_and_up_cures_it)
{
	static const struct {
		const char *state;
		const char *commands;
		const char *says;
	} states[] = {
		{ "nothing", "true",
		  "FAIL missing: vxlan-storage does not exist -> shimctl up" },
		{ "parent only", "",
		  "FAIL missing: lhnet1-host does not exist -> shimctl up" },
		{ "the address on the parent",
		  "ip addr add 10.100.1.1/24 dev vxlan-storage;"
		  " ip addr add 10.100.1.7/24 dev vxlan-storage"
		  " label vxlan-storage:b;"
		  " ip route add 10.55.0.0/16 via 10.100.1.2",
		  "FAIL missing: lhnet1-host does not exist -> shimctl up" },
		{ "half migrated",
		  "ip link add lhnet1-host link vxlan-storage type macvlan"
		  " mode bridge; ip link set lhnet1-host up;"
		  " ip addr add 10.100.1.1/24 dev lhnet1-host;"
		  " ip addr add 10.100.1.1/24 dev vxlan-storage",
		  "FAIL address: vxlan-storage 10.100.1.1/24 has to move to "
		  "lhnet1-host: as long as the parent bears it, no pod of this "
		  "node is reached -> shimctl up" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		char inject[128];

		ns_try(-1, NULL,
		       "ip link del lhnet1-host; ip link del vxlan-storage");
		if (i > 0)
			legacy_parent();
		if (*states[i].commands)
			ns_do(-1, "%s", states[i].commands);
		snprintf(inject, sizeof(inject), "# %s: no up yet",
			 states[i].state);
		faults_has(inject, states[i].says);
		up();
		faults_none("storage");
		up();
		faults_none("storage");
	}
}

/* --- a parent that somebody else made ------------------------------------------------- */

/* The overlay of the seed, kept by its own script: a hub. */
static void foreign_open(void)
{
	faults_topology("foreign");
	ctl_open();
	ctl_write("{ \"cniVersion\": \"1.1.0\", \"name\": \"storage\", "
		  "\"type\": \"hostshim\", \"master\": \"vxlan-storage\", "
		  "\"hostShim\": { \"name\": \"lhnet1-host\", "
		  "\"address\": \"10.100.1.1/24\" }, " SEED_IPAM " }");
	legacy_parent();
	ns_do(-1, "ip link set vxlan-storage type vxlan id 100 learning;"
		  " sysctl -qw net.ipv4.conf.vxlan-storage.arp_ignore=1");
	up();
}

TestSuite(doctor_foreign, .init = foreign_open, .fini = seed_close,
	  .timeout = 240);

Test(doctor_foreign, healthy)
{
	faults_none("storage");
}

Test(doctor_foreign, a_hub)
{
	faults_find(
		"ip link set vxlan-storage type vxlan id 100 nolearning;"
		" bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
		" dst 172.16.0.7",
		"FAIL flood: vxlan-storage has 2 peers, learning off and no "
		"MAC of anybody: every frame is sent 2 times -> ip link set "
		"vxlan-storage type vxlan learning\n");
}

Test(doctor_foreign, short_ageing)
{
	faults_find(
		"ip link set vxlan-storage type vxlan id 100 ageing 20",
		"FAIL flood: vxlan-storage forgets its peers' MACs after 20 s, "
		"before anybody asks for them again: frames to them are flooded for "
		"good -> ip link set vxlan-storage type vxlan ageing 300\n");
}

Test(doctor_foreign, its_own_tunnel_address_in_the_flood_list)
{
	faults_find("bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
		    " dst 10.100.100.1",
		    "WARN peers: vxlan-storage floods to 10.100.100.1, which "
		    "is this node: its broadcasts come back, and look like "
		    "duplicate addresses -> bridge fdb del MAC "
		    "dev vxlan-storage dst 10.100.100.1\n");
	ns_do(-1, "bridge fdb del 00:00:00:00:00:00 dev vxlan-storage"
		  " dst 10.100.100.1");
	faults_none("storage");
}

Test(doctor_foreign, arp_flux)
{
	faults_find("sysctl -qw net.ipv4.conf.vxlan-storage.arp_ignore=0",
		    "FAIL arp: vxlan-storage arp_ignore is not 1: it answers "
		    "ARP for addresses that are not its own: two MACs for one "
		    "address -> shimctl up\n");
}

/* --- T7: a narrow link ------------------------------------------------------------------ */

static void narrow_open(void)
{
	faults_topology("T7");
	ctl_open();
}

TestSuite(doctor_narrow, .init = narrow_open, .fini = seed_close,
	  .timeout = 240);

Test(doctor_narrow, a_way_that_shrinks)
{
	up();
	faults_none("storage");
	faults_find(
		"ip link set under0 mtu 1400",
		"FAIL mtu: vxlan-storage mtu is 1450, not 1350: too large ones "
		"travel as fragments or not at all -> shimctl up\n");
}

Test(doctor_narrow, a_way_that_is_narrower_than_the_mtu_that_was_given)
{
	static const char given[] = "\"id\": 100, \"mtu\": 1450";
	char config[2048];
	const char *id = strstr(ctl_config, "\"id\": 100");

	snprintf(config, sizeof(config), "%.*s%s%s", (int)(id - ctl_config),
		 ctl_config, given, id + strlen("\"id\": 100"));
	ctl_write(config);
	up();
	faults_none("storage");
	faults_find(
		"ip link set under0 mtu 1400",
		"FAIL mtu: vxlan-storage has mtu 1450, and under0, the way to "
		"k8s-2 (10.100.100.2), only 1400: large frames travel as fragments -> "
		"raise the mtu of under0 to 1500, or lower that of vxlan-storage to "
		"1350\n");
}
