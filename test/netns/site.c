#include "test/netns/site.h"

#include "plugin/overlay.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

static unsigned int changes;
static unsigned int countdown;
static bool failed;
static unsigned int life; /* changes until the process dies; 0: it does not */

/* lib/netlink-priv.h, without libnl: only passed on here. */
struct nl_msg;
struct netlink_outcome;

int __real_netlink_change(struct netlink *nl, struct nl_msg *msg,
			  const struct netlink_outcome *outcomes,
			  struct error *err);
int __wrap_netlink_change(struct netlink *nl, struct nl_msg *msg,
			  const struct netlink_outcome *outcomes,
			  struct error *err);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);

static void site_live(void)
{
	if (life > 0 && --life == 0)
		raise(SIGKILL);
}

int __wrap_netlink_change(struct netlink *nl, struct nl_msg *msg,
			  const struct netlink_outcome *outcomes,
			  struct error *err)
{
	site_live();
	changes++;
	if (countdown > 0 && --countdown == 0) {
		failed = true;
		return error_set(err, ERROR_LINK, EIO, "injected");
	}
	return __real_netlink_change(nl, msg, outcomes, err);
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	site_live();
	changes++;
	return __real_write(fd, data, len);
}

unsigned int site_changes(void)
{
	unsigned int count = changes;

	changes = 0;
	return count;
}

void site_fail(unsigned int nth)
{
	countdown = nth;
	failed = false;
}

void site_expect(const char *text, const char *command)
{
	cleanup_free char *out = NULL;

	cr_assert_eq(ns_try(-1, &out, "%s", command), 0, "%s", out);
	cr_expect(strstr(out, text), "%s: no \"%s\" in:\n%s", command, text,
		  out);
}

void site_expect_not(const char *text, const char *command)
{
	cleanup_free char *out = NULL;

	cr_assert_eq(ns_try(-1, &out, "%s", command), 0, "%s", out);
	cr_expect_not(strstr(out, text), "%s: \"%s\" in:\n%s", command, text,
		      out);
}

void site_die(unsigned int nth)
{
	life = nth;
}

bool site_is_dead(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

bool site_dies(unsigned int nth, bool (*run)(struct netlink *host))
{
	int status;
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct netlink *host;
		struct error err = { 0 };

		if (netlink_open(-1, &host, &err) < 0)
			_exit(1);
		site_die(nth);
		_exit(run(host) ? 0 : 1);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(site_is_dead(status) || status == 0, "%x", status);
	return site_is_dead(status);
}

bool site_failed(void)
{
	return failed;
}

struct inet_addr site_addr(const char *text)
{
	struct inet_addr addr;

	cr_assert(inet_addr_parse(text, &addr), "%s", text);
	return addr;
}

struct inet_prefix site_prefix(const char *text)
{
	struct inet_prefix prefix;

	cr_assert(inet_prefix_parse(text, &prefix), "%s", text);
	return prefix;
}

void site_rows(struct site *site, size_t count)
{
	site->config.nodes = site->rows;
	site->config.n_nodes = count;
	site->node.row = NULL;
	for (size_t i = 0; i < count; i++)
		if (strcmp(site->rows[i].name, site->node.name) == 0)
			site->node.row = &site->rows[i];
}

int site_overlay_ensure(struct site *site, enum node_ensure how,
			struct netlink_link *ret)
{
	cleanup_node_parent struct node_parent parent = { .is_listed = false };
	int r;

	r = overlay_ensure(site->host, &site->config, &site->node, how, &parent,
			   &site->err);
	*ret = parent.link;
	return r;
}

int site_peer(void)
{
	char path[NS_PATH];
	int peer = ns_new();

	ns_do(-1,
	      "ip link set far2 netns %s; ip addr flush dev under2;"
	      " ip addr add 10.0.2.0/31 dev under2;"
	      " ip route replace 10.100.100.2 via 10.0.2.1 src 10.100.100.1",
	      ns_path(peer, path));
	ns_do(peer, "ip link set far2 up; ip addr add 10.0.2.1/31 dev far2;"
		    " ip addr add 10.100.100.2/32 dev lo;"
		    " ip route add 10.100.100.1 via 10.0.2.0 src 10.100.100.2;"
		    " ip link add vxlan-storage mtu 8950 type vxlan id 100"
		    " dstport 4789 local 10.100.100.2;"
		    " bridge fdb append 00:00:00:00:00:00 dev vxlan-storage"
		    " dst 10.100.100.1;"
		    " ip link set vxlan-storage addrgenmode none up;"
		    " ip addr add 10.100.1.2/24 dev vxlan-storage;"
		    " ip addr add fd00:1::2/64 dev vxlan-storage nodad;"
		    " ip addr add 10.200.0.5/32 dev lo;"
		    " ip addr add fd00:200::5/128 dev lo nodad");
	return peer;
}

void site_rp_filter(int value)
{
	ns_do(-1,
	      "for i in all default vxlan-storage under2; do"
	      " echo %d >/proc/sys/net/ipv4/conf/$i/rp_filter; done",
	      value);
}

void site_range(struct site *site, const char *network, const char *first,
		const char *last)
{
	struct ipam_config *ipam = &site->config.ipam;
	struct ipam_range *range = calloc(1, sizeof(*range));
	struct inet_addr from = site_addr(first);
	struct inet_addr to = site_addr(last);
	struct ipam_range_set *set;

	ipam->sets = realloc(ipam->sets,
			     (ipam->n_sets + 1) * sizeof(*ipam->sets));
	set = &ipam->sets[ipam->n_sets++];
	*set = (struct ipam_range_set){ .family = from.family,
					.ranges = range,
					.count = 1 };
	range->range.network = site_prefix(network);
	cr_assert_eq(range_set_add(&range->candidates, inet_addr_to_uint(&from),
				   inet_addr_to_uint(&to), &site->err),
		     0);
}

static void site_name(struct site *site)
{
	static const char *const names[] = { "k8s-1", "k8s-2", "k8s-3",
					     "k8s-4" };

	for (size_t i = 0; i < SITE_ROWS; i++)
		site->rows[i].name = strdup(names[i]);
	site->node = (struct node){
		.name = strdup(names[0]),
		.name_source = "NODENAME",
	};
	site->config.mode = MACVLAN_MODE_BRIDGE;
	cr_assert_eq(netlink_open(-1, &site->host, &site->err), 0, "%s",
		     site->err.details);
}

static void site_cluster(struct site *site)
{
	char text[INET_PREFIX_TEXT];

	for (size_t i = 0; i < SITE_ROWS; i++) {
		struct config_node *row = &site->rows[i];

		snprintf(text, sizeof(text), "10.100.100.%zu", i + 1);
		row->vtep = site_addr(text);
		snprintf(text, sizeof(text), "10.100.1.%zu/24", i + 1);
		row->addresses[0] = site_prefix(text);
		row->n_addresses = 1;
	}
	site_rows(site, 3);
	site->config.master = strdup("vxlan-storage");
	site->config.vxlan = (struct config_vxlan){
		.present = true,
		.id = 100,
		.port = 4789,
		.learning = true,
		.ageing = 300,
	};
	site_range(site, "10.100.1.0/24", "10.100.1.16", "10.100.1.254");
}

void site_init(struct site *site)
{
	*site = (struct site){ 0 };
	ns_fresh();
	ns_do(-1, "ip addr add 10.100.100.1/32 dev lo;"
		  " for i in 2 3; do"
		  " ip link add under$i mtu 9000 type veth"
		  " peer name far$i mtu 9000;"
		  " ip link set under$i up; ip link set far$i up;"
		  " ip addr add 10.0.$i.0/31 dev under$i;"
		  " ip route add 10.100.100.$i via 10.0.$i.1; done");
	site_name(site);
	site_cluster(site);
}

void site_init_plain(struct site *site)
{
	*site = (struct site){ 0 };
	ns_fresh();
	ns_do(-1, "ip link add eth1 type veth peer name far1;"
		  " ip link set eth1 up; ip link set far1 up;"
		  " ip addr add 192.168.7.1/24 dev eth1");
	site_name(site);
	site_rows(site, 0);
	site->config.master = strdup("eth1");
}

void site_clear(struct site *site)
{
	struct ipam_config *ipam = &site->config.ipam;

	for (size_t i = 0; i < ipam->n_sets; i++) {
		range_set_clear(&ipam->sets[i].ranges->candidates);
		free(ipam->sets[i].ranges);
	}
	free(ipam->sets);
	for (size_t i = 0; i < SITE_ROWS; i++)
		free(site->rows[i].name);
	free(site->config.master);
	free(site->node.name);
	netlink_close(site->host);
	*site = (struct site){ 0 };
}
