#include "lib/file.h"
#include "lib/netns.h"
#include "plugin/overlay.h"
#include "plugin/shim.h"
#include "test/netns/site.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

static struct site site;
static struct netlink_link parent;
static char state_dir[] = "/tmp/hostshim-test-XXXXXX";

static void start(void)
{
	site_init(&site);
	cr_assert(mkdtemp(state_dir));
	site.config.ipam.state_dir = state_dir;
}

static void stop(void)
{
	ns_do(-1, "rm -rf %s", state_dir);
	site_clear(&site);
}

TestSuite(node, .init = start, .fini = stop);

static int ensure(void)
{
	site.err = (struct error){ 0 };
	return node_ensure(site.host, &site.config, &site.node, &parent,
			   &site.err);
}

/* --- parent and shim ------------------------------------------------------------ */

Test(node, from_nothing_parent_and_shim_are_there)
{
	cr_assert_eq(ensure(), 0, "%s", site.err.details);
	cr_expect_str_eq(parent.name, "vxlan-storage");
	cr_expect(parent.flags & IFF_UP);
	cr_expect(ns_has(-1, "10.100.1.1/24", "ip addr show type macvlan"));
	cr_expect_eq(node_look(site.host, &site.config, &site.node, &parent,
			       &site.err),
		     NODE_OK);
}

Test(node, a_second_run_takes_no_lock_and_sends_no_write)
{
	cr_assert_eq(ensure(), 0, "%s", site.err.details);
	ns_do(-1, "rm -rf %s", state_dir);
	site_changes();
	cr_expect_eq(ensure(), 0, "%s", site.err.details);
	cr_expect_eq(site_changes(), 0);
	cr_expect_neq(access(state_dir, F_OK), 0, "a lock was made");
}

Test(node, a_look_names_the_first_difference_and_sends_no_write)
{
	site_changes();
	cr_expect_eq(node_look(site.host, &site.config, &site.node, &parent,
			       &site.err),
		     NODE_WRONG);
	cr_expect(strstr(site.err.details, "vxlan-storage"));

	cr_assert_eq(ensure(), 0);
	ns_do(-1, "ip link del hs-vxlan-storage 2>/dev/null"
		  " || ip link del $(ip -o link show type macvlan |"
		  " sed 's/^[0-9]*: \\([^@]*\\)@.*/\\1/')");
	site_changes();
	cr_expect_eq(node_look(site.host, &site.config, &site.node, &parent,
			       &site.err),
		     NODE_WRONG);
	cr_expect(strstr(site.err.details, "hs-"), "%s", site.err.details);
	cr_expect_eq(site_changes(), 0);
}

Test(node, a_parent_that_is_complete_stays_when_the_shim_fails)
{
	site.config.shim.mtu = 9000; /* more than the overlay's */
	cr_expect(ensure() < 0);
	cr_expect_eq(site.err.code, ERROR_SHIM);
	cr_expect(ns_has(-1, "hostshim:vxlan-storage", "ip link"));
	cr_expect_not(ns_has(-1, "macvlan", "ip -d link"));
}

Test(node, no_change_that_fails_leaves_anything_half_made)
{
	unsigned int nth = 0;

	for (;;) {
		struct netlink_link overlay;
		int r;

		site_fail(++nth);
		r = ensure();
		if (!site_failed())
			break;
		cr_expect(r < 0, "change %u", nth);
		cr_expect_not(ns_has(-1, "vethhs", "ip link"), "change %u",
			      nth);
		cr_expect_not(ns_has(-1, "macvlan", "ip -d link"), "change %u",
			      nth);
		site_fail(0);
		r = netlink_link_get(site.host, "vxlan-storage", &overlay,
				     &site.err);
		if (r == 0)
			cr_expect_eq(site_overlay_ensure(&site, NODE_LOOK,
							 &overlay),
				     NODE_OK, "change %u: %s", nth,
				     site.err.details);
		ns_try(-1, NULL, "ip link del vxlan-storage");
	}
	cr_expect_geq(nth, 11);
}

/* In a child: with a session of its own. */
static void __attribute__((noreturn)) ensure_and_exit(void)
{
	struct netlink *host = NULL;
	struct error err = { 0 };
	int r;

	r = netlink_open(-1, &host, &err);
	if (r == 0)
		r = node_ensure(host, &site.config, &site.node, &parent, &err);
	if (r < 0)
		fprintf(stderr, "%s\n", err.details);
	netlink_close(host);
	_exit(r == 0 ? 0 : 1);
}

static int wait_for(pid_t pid)
{
	int status = -1;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

Test(node, killed_before_any_change_the_next_run_completes_it)
{
	unsigned int nth = 0;
	int status;

	do {
		pid_t pid = fork();

		cr_assert_geq(pid, 0);
		if (pid == 0) {
			site_die(nth + 1);
			ensure_and_exit();
		}
		nth++;
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_expect(status == 0 || site_is_dead(status));
		cr_expect_eq(ensure(), 0, "change %u: %s", nth,
			     site.err.details);
		cr_expect_eq(node_look(site.host, &site.config, &site.node,
				       &parent, &site.err),
			     NODE_OK, "change %u: %s", nth, site.err.details);
		cr_expect_not(ns_has(-1, "vethhs", "ip link"));
		cr_expect(ns_has(-1, "hostshim:vxlan-storage",
				 "ip link show type macvlan"));
		ns_do(-1, "ip link del vxlan-storage");
	} while (site_is_dead(status));
	cr_expect_geq(nth, 14);
}

Test(node, many_at_once_make_one_of_each)
{
	enum {
		MANY = 8
	};
	cleanup_free char *links = NULL;
	pid_t pids[MANY];

	for (size_t i = 0; i < MANY; i++) {
		pids[i] = fork();
		cr_assert_geq(pids[i], 0);
		if (pids[i] == 0)
			ensure_and_exit();
	}
	for (size_t i = 0; i < MANY; i++)
		cr_expect_eq(wait_for(pids[i]), 0);
	links = ns_exec(-1, "ip -o link | grep -c hostshim:");
	cr_expect_str_eq(links, "2\n");
}

Test(node, a_lock_that_is_held_is_tried_again_later)
{
	cleanup_close int lock = -1;
	uint64_t cookie;
	char path[128];

	cr_assert_eq(netns_cookie(-1, &cookie, &site.err), 0);
	snprintf(path, sizeof(path), "%s/link-%" PRIu64 ".lock", state_dir,
		 cookie);
	cr_assert_eq(file_lock(path, true, 0, &lock, &site.err), 0);
	cr_expect(ensure() < 0);
	cr_expect_eq(site.err.code, ERROR_AGAIN);
	cr_expect(strstr(site.err.details, path), "%s", site.err.details);
	cr_expect_not(ns_has(-1, "vxlan", "ip link"));
}

Test(node, a_refusal_takes_no_lock)
{
	site.config.vxlan.id = 5;
	ns_do(-1,
	      "ip link add vxlan-storage type vxlan id 6 dstport 4789;"
	      " rm -rf %s",
	      state_dir);
	cr_expect(ensure() < 0);
	cr_expect_eq(site.err.code, ERROR_OVERLAY);
	cr_expect_neq(access(state_dir, F_OK), 0);
}

/* --- somebody else's parent --------------------------------------------------------- */

static void be_plain(void)
{
	site.config.vxlan.present = false;
	strcpy(site.config.master, "under2");
	site.node.row = NULL;
}

Test(node, somebody_elses_parent_is_not_touched)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	be_plain();
	ns_settle(-1);
	before = ns_snapshot(-1);
	cr_assert_eq(ensure(), 0, "%s", site.err.details);
	cr_expect_str_eq(parent.name, "under2");
	ns_do(-1, "ip link set under2 down");
	cr_expect_eq(ensure(), 0, "down is a warning: %s", site.err.details);
	cr_expect_not(parent.flags & IFF_UP);
	ns_do(-1, "ip link set under2 up;"
		  " ip route add 10.100.100.2 via 10.0.2.1");
	ns_settle(-1);
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after));
}

Test(node, a_parent_that_is_missing_is_tried_again_later)
{
	be_plain();
	strcpy(site.config.master, "eth9");
	cr_expect(ensure() < 0);
	cr_expect_eq(site.err.code, ERROR_AGAIN);
}

/* --- who we are ------------------------------------------------------------------------ */

Test(node, its_name_is_found_in_order_and_its_row_by_it)
{
	struct node node = { 0 };
	struct error err = { 0 };

	cr_assert_eq(unshare(CLONE_NEWNS | CLONE_NEWUTS), 0);
	cr_assert_eq(mount("tmpfs", "/etc", "tmpfs", 0, NULL), 0);
	cr_assert_eq(sethostname("K8S-2", 5), 0);
	unsetenv("NODENAME");

	cr_assert_eq(node_find(&site.config, &node, &err), 0);
	cr_expect_str_eq(node.name, "k8s-2", "as the kubelet spells it");
	cr_expect_str_eq(node.name_source, "the hostname");
	cr_expect_eq(node.row, &site.rows[1]);
	node_clear(&node);

	ns_do(-1, "mkdir -p /etc/cni/net.d/hostshim.d;"
		  " echo ' k8s-3 ' >/etc/cni/net.d/hostshim.d/nodename");
	cr_assert_eq(node_find(&site.config, &node, &err), 0);
	cr_expect_str_eq(node.name, "k8s-3");
	cr_expect_str_eq(node.name_source,
			 "/etc/cni/net.d/hostshim.d/nodename");
	node_clear(&node);

	setenv("NODENAME", "elsewhere", 1);
	cr_assert_eq(node_find(&site.config, &node, &err), 0);
	cr_expect_str_eq(node.name, "elsewhere");
	cr_expect_str_eq(node.name_source, "NODENAME");
	cr_expect_null(node.row);
	node_clear(&node);

	setenv("NODENAME", "", 1);
	cr_assert_eq(node_find(&site.config, &node, &err), 0);
	cr_expect_str_eq(node.name, "k8s-3", "empty is absent");
	node_clear(&node);
}

/* --- three nodes -------------------------------------------------------------------------- */

/* Joined by three point-to-point links, so that each link counts what two nodes
 * say to each other; IPv6 off, which talks by itself. */
static void mesh_make(int fd[3])
{
	char path[NS_PATH];

	for (int i = 0; i < 3; i++) {
		fd[i] = ns_new();
		ns_set_sysctl(fd[i], "net/ipv6/conf/default/disable_ipv6", 1);
		ns_do(fd[i], "ip addr add 10.100.100.%d/32 dev lo", i + 1);
	}
	for (int i = 0; i < 3; i++) {
		int j = (i + 1) % 3;

		ns_do(fd[i],
		      "ip link add to%d mtu 9000 type veth peer name to%d"
		      " mtu 9000 netns %s; ip link set to%d up;"
		      " ip addr add 10.0.%d.0/31 dev to%d",
		      j + 1, i + 1, ns_path(fd[j], path), j + 1, i, j + 1);
		ns_do(fd[j],
		      "ip link set to%d up; ip addr add 10.0.%d.1/31 dev to%d;"
		      " ip route add 10.100.100.%d via 10.0.%d.0",
		      i + 1, i, i + 1, i + 1, i);
		ns_do(fd[i], "ip route add 10.100.100.%d via 10.0.%d.1", j + 1,
		      i);
	}
}

/* Called inside a node's namespace: its session is its own. */
static int mesh_ensure(void *arg, struct error *err)
{
	struct node *node = arg;
	struct netlink *host = NULL;
	struct netlink_link ignored;
	int r;

	r = netlink_open(-1, &host, err);
	if (r < 0)
		return r;
	r = node_ensure(host, &site.config, node, &ignored, err);
	netlink_close(host);
	return r;
}

static void mesh_ensure_all(const int fd[3])
{
	for (size_t i = 0; i < 3; i++) {
		struct node node = {
			.name = site.rows[i].name,
			.name_source = "NODENAME",
			.row = i < site.config.n_nodes ? &site.rows[i] : NULL,
		};

		cr_assert_eq(netns_run(fd[i], mesh_ensure, &node, &site.err), 0,
			     "%s", site.err.details);
	}
}

static long mesh_sent(int fd, const char *name)
{
	cleanup_free char *text =
		ns_exec(fd,
			"sed -n 's/^ *%s: *//p' /proc/net/dev |"
			" awk '{ print $10 }'",
			name);

	return strtol(text, NULL, 10);
}

Test(mesh, a_warm_frame_between_two_nodes_reaches_no_third, .init = start,
     .fini = stop)
{
	long before, after;
	int fd[3];

	mesh_make(fd);
	mesh_ensure_all(fd);
	cr_expect_eq(ns_ping(fd[0], "10.100.1.3", 3), 3);
	cr_assert_eq(ns_ping(fd[0], "10.100.1.2", 3), 3);

	before = mesh_sent(fd[0], "to3") + mesh_sent(fd[1], "to3");
	cr_expect_eq(ns_ping(fd[0], "10.100.1.2", 20), 20);
	after = mesh_sent(fd[0], "to3") + mesh_sent(fd[1], "to3");
	cr_expect_eq(after, before, "%ld copies", after - before);

	before = mesh_sent(fd[0], "to2");
	cr_expect_eq(ns_ping(fd[0], "10.100.1.2", 20), 20);
	cr_expect_geq(mesh_sent(fd[0], "to2") - before, 20, "the count counts");

	ns_do(fd[0], "ping -M do -s 8922 -c 1 -W 2 10.100.1.2");
	for (size_t i = 0; i < 3; i++)
		close(fd[i]);
}
