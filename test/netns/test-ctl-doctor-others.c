#include "lib/netns.h"
#include "test/netns/faults.h"
#include "test/support/ns.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* shimctl doctor and other programs of the node: who takes our links for his,
 * and who looks for the pods in the wrong place. */

TestSuite(doctor_others, .init = faults_mesh, .fini = faults_close,
	  .timeout = 240);

/* --- systemd-networkd, NetworkManager ---------------------------------------------- */

static void networkd_says(const char *link, const char *state)
{
	ns_do(-1,
	      "mkdir -p /run/systemd/netif/links;"
	      " printf 'ADMIN_STATE=%s\nNETWORK_FILE=/etc/90-dhcp.network\n'"
	      " >/run/systemd/netif/links/%d",
	      state, ns_index(-1, link));
}

Test(doctor_others, networkd_that_manages_the_shim)
{
	faults_process(-1, "systemd-network", "");
	networkd_says("vxlan-storage", "unmanaged");
	networkd_says("lhnet1-host", "pending");
	networkd_says("under2", "configured");
	faults_none("storage");
	networkd_says("lhnet1-host", "configured");
	faults_find("# systemd-networkd: lhnet1-host is configured",
		    "WARN manager: systemd-networkd manages lhnet1-host "
		    "(configured, by /etc/90-dhcp.network): it may drop its "
		    "addresses and routes, and ask for others -> a .network "
		    "file before it with [Match] Name=lhnet1-host and [Link] "
		    "Unmanaged=yes, then: networkctl reload\n");
}

Test(doctor_others, networkd_of_another_namespace_is_nothing_to_us)
{
	faults_process(faults_node[1], "systemd-network", "");
	networkd_says("lhnet1-host", "configured");
	faults_none("storage");
}

Test(doctor_others, networkmanager_that_manages_the_parent)
{
	faults_process(-1, "NetworkManager", "");
	ns_do(-1,
	      "mkdir -p /run/NetworkManager/devices;"
	      " printf '[device]\nmanaged=true\n'"
	      " >/run/NetworkManager/devices/%d;"
	      " printf '[device]\nmanaged=false\n'"
	      " >/run/NetworkManager/devices/%d",
	      ns_index(-1, "vxlan-storage"), ns_index(-1, "lhnet1-host"));
	faults_find("# NetworkManager: vxlan-storage is managed",
		    "WARN manager: NetworkManager manages vxlan-storage: it "
		    "may set it down, or give it other addresses -> "
		    "unmanaged-devices=interface-name:vxlan-storage in the "
		    "[keyfile] of a file in /etc/NetworkManager/conf.d, then: "
		    "nmcli general reload\n");
}

/* --- Cilium ----------------------------------------------------------------------------- */

Test(doctor_others, a_cilium_agent_without_devices)
{
	int pid = faults_process(-1, "cilium-agent", "--config-dir=/run/map");
	char line[512];

	snprintf(line, sizeof(line),
		 "WARN cilium: the Cilium agent (pid %d) has no list of "
		 "devices: it may take lhnet1-host for one, with its MTU, "
		 "NodePorts and programs -> set \"devices\" in Cilium's "
		 "configuration to the NICs that it should use\n",
		 pid);
	faults_find("# a cilium-agent without devices", line);
	ns_do(-1, "mkdir /run/map; echo enp+ >/run/map/devices");
	faults_none("storage");
}

Test(doctor_others, a_cilium_agent_with_devices)
{
	faults_process(-1, "cilium-agent", "--devices=enp+");
	faults_none("storage");
}

/* --- iSCSI: T8 ---------------------------------------------------------------------------- */

/*
 * Who looks for a program by name sees all of the machine, other tests' too. So
 * this one has processes of its own: a shell, in the node's namespace, is the
 * first of them, as init is on a node.
 */
static int doctor_beside_iscsid(const char *unshare, char **ret)
{
	return ns_try(
		-1, ret,
		"cp /bin/sh /run/iscsid; unshare --pid --fork --kill-child"
		" --mount-proc sh -c '%s /run/iscsid -c \"sleep 60; :\" &"
		" until grep -qsx iscsid /proc/[0-9]*/comm; do sleep 0.1; done;"
		" NODENAME=k8s-1 %s/plugin/ctl/shimctl -c " CTL_CONFIG
		" doctor; exit $?'",
		unshare, getenv("HOSTSHIM_BUILD"));
}

Test(doctor_others, iscsid_in_another_namespace)
{
	cleanup_free char *out = NULL;
	cleanup_free char *fine = NULL;

	faults_topology("T8");
	cr_expect_eq(doctor_beside_iscsid("unshare --net", &out), 1, "%s", out);
	cr_expect(strstr(out, "storage: 1 finding\nFAIL iscsid: iscsid (pid "));
	cr_expect(faults_keep("doctor", "# iscsid in a container's namespace",
			      out,
			      ") runs in another network namespace: volumes "
			      "are logged in to from there, where lhnet1-host "
			      "is not -> run it in the host's network "
			      "namespace, and only there\n"),
		  "%s", out);
	cr_expect_eq(doctor_beside_iscsid("", &fine), 0, "%s", fine);
	cr_expect_str_eq(fine, "storage: no finding\n");
}

/* The namespaces of a laboratory all see the same programs. */
Test(doctor_others, iscsid_is_not_looked_for_from_other_namespaces_than_inits)
{
	faults_process(faults_node[2], "iscsid", "");
	faults_none("storage");
}

Test(doctor_others, interfaces_of_iscsi_that_lead_elsewhere)
{
	faults_topology("T8");
	ns_do(-1, "mkdir -p /run/iscsi/ifaces; mkdir -p /etc/iscsi;"
		  " mount --bind /run/iscsi /etc/iscsi");
	ns_do(-1, "printf 'iface.iscsi_ifacename = storage\n"
		  "iface.net_ifacename = lhnet1-host\n'"
		  " >/etc/iscsi/ifaces/storage;"
		  " printf 'iface.iscsi_ifacename = iface.example\n'"
		  " >/etc/iscsi/ifaces/iface.example");
	faults_none("storage");
	faults_find("printf 'iface.iscsi_ifacename = old\n"
		    "iface.net_ifacename = eth9\niface.transport_name = tcp\n'"
		    " >/etc/iscsi/ifaces/old",
		    "WARN iscsi: the iSCSI interface old "
		    "(/etc/iscsi/ifaces/old) is bound to eth9, which does not "
		    "exist: iscsiadm tries it too, and does not reach the pods "
		    "behind lhnet1-host -> iscsiadm -m iface -I old "
		    "--op=delete\n");
}

/* --- packet filters --------------------------------------------------------------------- */

#define NFT_INPUT                                                              \
	"nft add table inet fw; nft add chain inet fw input"                   \
	" '{ type filter hook input priority 0; policy drop; }';"              \
	" nft add rule inet fw input ct state established,related accept;"     \
	" nft add rule inet fw input iifname lo accept;"                       \
	" nft add rule inet fw input tcp dport '{ 22, 6443 }' accept;"

Test(doctor_others, a_firewall_that_lets_the_tunnel_pass)
{
	ns_do(-1, NFT_INPUT
	      " nft add set inet fw peers '{ type ipv4_addr; flags interval;"
	      " elements = { 10.100.100.0/24 } ; }';"
	      " nft add chain inet fw tunnel;"
	      " nft add rule inet fw tunnel ip saddr @peers accept;"
	      " nft add rule inet fw input udp dport 4789 jump tunnel;"
	      " nft add rule inet fw input log prefix x limit rate 5/second"
	      " drop");
	faults_none("storage");
}

Test(doctor_others, a_firewall_that_knows_nothing_of_the_tunnel)
{
	faults_find(NFT_INPUT,
		    "FAIL firewall: the policy of inet fw input drops UDP port "
		    "4789 from k8s-2 (10.100.100.2) over under2: the tunnel of "
		    "vxlan-storage -> nft add rule inet fw input udp dport "
		    "4789 accept\n"
		    "FAIL firewall: the policy of inet fw input drops UDP port "
		    "4789 from k8s-3 (10.100.100.3) over under3: the tunnel of "
		    "vxlan-storage -> nft add rule inet fw input udp dport "
		    "4789 accept\n");
}

Test(doctor_others, a_rule_that_drops_what_leaves_by_one_link)
{
	faults_find("nft add table ip t; nft add chain ip t out"
		    " '{ type filter hook output priority 0; }';"
		    " nft add rule ip t out oifname under3 udp dport 4000-5000"
		    " counter reject",
		    "FAIL firewall: rule 2 of ip t out drops UDP port 4789 to "
		    "k8s-3 (10.100.100.3) over under3: the tunnel of "
		    "vxlan-storage -> nft insert rule ip t out position 2 udp "
		    "dport 4789 accept\n");
}

Test(doctor_others, a_rule_before_the_routing)
{
	faults_find("nft add table inet raw; nft add chain inet raw pre"
		    " '{ type filter hook prerouting priority -300; }';"
		    " nft add rule inet raw pre iifname 'under2' ip saddr"
		    " 10.100.100.2 udp dport 4789 drop",
		    "FAIL firewall: rule 2 of inet raw pre drops UDP port 4789 "
		    "from k8s-2 (10.100.100.2) over under2: the tunnel of "
		    "vxlan-storage -> nft insert rule inet raw pre position 2 "
		    "udp dport 4789 accept\n");
}

/* Where nothing is found, what was not looked at decides. */
Test(doctor_others, a_firewall_that_cannot_be_looked_at)
{
	ns_do(-1, "for i in /usr/sbin/nft /sbin/nft /usr/bin/nft; do"
		  " [ ! -e $i ] || mount --bind /dev/null $i; done");
	ctl_prints("$C doctor", 3,
		   "storage: no finding\n"
		   "not looked at:\n"
		   "  firewall  nft is not installed: rules that drop UDP port "
		   "4789 are not seen\n");
	ctl_prints("$C doctor -o json", 3,
		   "{\"command\":\"doctor\",\"networks\":[{\"network\":"
		   "\"storage\",\"skipped\":[{\"check\":\"firewall\",\"why\":"
		   "\"nft is not installed: rules that drop UDP port 4789 are "
		   "not seen\"}]}],\"findings\":[]}\n");
	ns_do(-1, "ip link set lhnet1-host down");
	cr_expect_eq(ctl_run("$C doctor", NULL, NULL), 1);
}

/* --- neighbours, checksums ------------------------------------------------------------- */

#define NEIGH                                                                  \
	"ip neigh replace 10.100.1.56 lladdr 02:00:00:00:00:56 nud permanent"

Test(doctor_others, permanent_neighbours_of_the_shim)
{
	faults_find(NEIGH " dev lhnet1-host",
		    "WARN flood: 10.100.1.56 is a permanent neighbour of "
		    "lhnet1-host: it is never asked for, and once "
		    "vxlan-storage has forgotten it each frame to it goes to "
		    "all 2 peers -> ip neigh del 10.100.1.56 dev "
		    "lhnet1-host\n");
	ns_do(-1, "bridge fdb add 02:00:00:00:00:56 dev vxlan-storage"
		  " dst 10.100.100.2");
	faults_none("storage");
}

Test(doctor_others, permanent_neighbours_of_a_pod)
{
	char path[NS_PATH], line[512];

	snprintf(line, sizeof(line),
		 "WARN flood: 10.100.1.56 is a permanent neighbour of net1 of "
		 "longhorn/im-1: it is never asked for, and once "
		 "vxlan-storage has forgotten it each frame to it goes to all "
		 "2 peers -> nsenter --net=%s ip neigh del 10.100.1.56 dev "
		 "net1\n",
		 ns_path(faults_pod[0], path));
	faults_find_in(faults_pod[0], NEIGH " dev net1", line);
}

/* --- what is counted ---------------------------------------------------------------- */

/* What doctor says in the end: traffic comes when it comes. */
static void faults_wait(const char *inject, const char *text)
{
	cleanup_free char *out = NULL;

	for (int i = 0; i < 100; i++) {
		free(take_ptr(out));
		ctl_run("$C doctor", &out, NULL);
		if (strstr(out, text))
			break;
	}
	cr_assert(faults_keep("doctor", inject, out, text), "no \"%s\" in:\n%s",
		  text, out);
}

/* UDP from port 1 to 2, eight bytes of header and none of data, whose checksum
 * is one that it cannot have. */
static int send_wrong(void *arg, struct error *err)
{
	static const uint8_t datagram[8] = { 0, 1, 0, 2, 0, 8, 0x12, 0x34 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);

	(void)err;
	inet_pton(AF_INET, arg, &to.sin_addr);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(sendto(fd, datagram, sizeof(datagram), 0,
				    (struct sockaddr *)&to, sizeof(to)),
			     sizeof(datagram));
	close(fd);
	return 0;
}

static void wrong_checksums(int from, const char *to)
{
	struct error err = { 0 };
	char copy[64];

	snprintf(copy, sizeof(copy), "%s", to);
	cr_assert_eq(netns_run(from, send_wrong, copy, &err), 0);
}

#define CHECKSUM_NEXT                                                          \
	" with a wrong checksum: ping works, and data stalls -> ethtool -K "   \
	"UNDERLAY tx-checksum-ip-generic off on the node that sends, then: "   \
	"shimctl verify --tcp\n"

Test(doctor_others, wrong_checksums_of_the_tunnel)
{
	wrong_checksums(faults_node[1], "10.100.100.1");
	faults_wait("# 5 UDP datagrams with a wrong checksum to this node",
		    " UDP datagrams came to this node" CHECKSUM_NEXT);
}

Test(doctor_others, wrong_checksums_inside_it)
{
	wrong_checksums(faults_pod[1], "10.100.1.16");
	faults_find("# 5 UDP datagrams with a wrong checksum to a pod",
		    "WARN checksum: 5 of 5 UDP datagrams came to net1 of "
		    "longhorn/im-1" CHECKSUM_NEXT);
}

/* Datagrams to @to, a few thousand a second, until it is killed. */
static pid_t start_stream(const char *to)
{
	static const struct timespec pause = { .tv_nsec = 200000 };
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons(9) };
	pid_t pid = fork();
	int fd;

	cr_assert_geq(pid, 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	inet_pton(AF_INET, to, &addr.sin_addr);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	for (;;) {
		sendto(fd, "x", 1, 0, (struct sockaddr *)&addr, sizeof(addr));
		nanosleep(&pause, NULL);
	}
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

Test(doctor_others, frames_that_are_sent_to_all_peers)
{
	pid_t pid;

	ns_do(-1, "ip neigh replace 10.100.1.77 lladdr 02:00:00:00:00:77"
		  " dev lhnet1-host nud noarp");
	ns_ping(-1, "10.100.1.56", 1);
	pid = start_stream("10.100.1.77");
	faults_wait("# a stream to a MAC that nobody has", "times within ");
	stop(pid);
	pid = start_stream("10.100.1.56");
	faults_none("storage");
	stop(pid);
}

/* A queue of one, which two pods' worth of listeners make the kernel use. */
Test(doctor_others, broadcasts_that_are_dropped)
{
	ns_do(-1, "ip link set lhnet1-host type macvlan bcqueuelen 1");
	ns_do(faults_pod[0], "ip link set net1 type macvlan bcqueuelen 1");
	ns_do(faults_node[1],
	      "ping -q -b -f -l 1000 -w 60 -I lhnet1-host 10.100.1.255"
	      " >/dev/null 2>&1 & echo $! >/run/ping");
	faults_wait("# a storm of broadcasts, with bcqueuelen 1",
		    "WARN broadcast: ");
	ns_do(-1, "kill $(cat /run/ping)");
}
