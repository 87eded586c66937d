#include "plugin/ctl/peers.h"
#include "plugin/ctl/verify.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Why the legs to another node are broken: the flood list and the route here, an
 * echo of its VTEP, and what a packet to the port of the overlay brings back.
 */

#define CAUSE_ECHO_MS 1000
#define CAUSE_PORT_MS 300

/* A node that is asked on the underlay. */
struct peer_state {
	bool is_up; /* its VTEP answers an echo */
	int port; /* errno of a packet to the VXLAN port; 0: silence */
};

static int port_errno(const struct verify *v, const struct inet_addr *vtep)
{
	cleanup_close int fd = socket(vtep->family,
				      SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				      0);
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(v->parent.vxlan.port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(v->parent.vxlan.port) };
	bool is_v4 = vtep->family == AF_INET;
	struct pollfd events = { .fd = fd, .events = POLLIN };
	int value = 0;
	socklen_t len = sizeof(value);

	memcpy(&v4.sin_addr, vtep->bytes, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, vtep->bytes, sizeof(v6.sin6_addr));
	if (fd < 0 ||
	    connect(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
		    is_v4 ? sizeof(v4) : sizeof(v6)) < 0)
		return errno;
	/* Too short to be VXLAN: dropped by the kernel that takes it. */
	if (send(fd, "", 1, 0) < 0)
		return errno;
	if (poll(&events, 1, CAUSE_PORT_MS) <= 0)
		return 0;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len);
	return value;
}

static int look_at_peer(const struct verify *v, const struct inet_addr *vtep,
			struct peer_state *ret, struct error *err)
{
	const struct echo_plan plan = { .count = 2,
					.interval_ms = 20,
					.timeout_ms = CAUSE_ECHO_MS };
	struct echo echo = { .to = *vtep };
	int r = echo_run(-1, &plan, &echo, 1, err);

	if (r < 0)
		return r;
	ret->is_up = echo.received > 0;
	ret->port = port_errno(v, vtep);
	return 0;
}

static const struct peer *find_peer(const struct peers *peers,
				    const struct inet_addr *vtep)
{
	for (size_t i = 0; i < peers->count; i++)
		if (inet_addr_equal(&peers->items[i].vtep, vtep))
			return &peers->items[i];
	return NULL;
}

static void say_tunnel(const struct verify *v, size_t node,
		       const struct peer_state *state, const char *where)
{
	struct report *report = &v->ctl->report;
	const char *name = verify_node_name(v, node);
	unsigned int port = v->parent.vxlan.port;

	if (state->port == EPERM || state->port == EACCES)
		report_fail(report, v->network->config.name,
			    "let UDP out to the other nodes on that port",
			    "this node's firewall drops UDP port %u to %s (%s)",
			    port, name, where);
	else if (state->port == ECONNREFUSED)
		report_fail(report, v->network->config.name, "shimctl up there",
			    "%s refuses UDP port %u (%s): it has no overlay, "
			    "or its firewall rejects it",
			    name, port, where);
	else if (!state->is_up)
		report_fail(report, v->network->config.name,
			    "bring that node, or the way to it, up",
			    "%s does not answer on the underlay either (%s)",
			    name, where);
	else
		report_fail(report, v->network->config.name,
			    "let UDP through on that port, here and there; "
			    "then: shimctl status there",
			    "%s answers on the underlay (%s), but not through "
			    "the tunnel: a firewall drops UDP port %u, or its "
			    "overlay is another",
			    name, where, port);
}

/* All of a node is lost. */
static int cause_tunnel(struct verify *v, const struct peers *peers,
			size_t node, struct error *err)
{
	struct report *report = &v->ctl->report;
	const char *name = verify_node_name(v, node);
	const struct inet_addr *vtep = &v->nodes[node].vtep;
	const struct peer *peer = find_peer(peers, vtep);
	struct peer_state state = { 0 };
	char where[128], text[INET_ADDR_TEXT];
	int r;

	if (!v->parent.is_vxlan || !vtep->family || !peer) {
		report_fail(report, v->network->config.name,
			    "run shimctl verify there",
			    "%s does not answer over %s", name, v->parent.name);
		return 0;
	}
	inet_addr_format(vtep, text);
	snprintf(where, sizeof(where), "%s%s%s", text, *peer->route ? " " : "",
		 peer->route);
	if (!*peer->route) {
		report_fail(report, v->network->config.name,
			    "add the route, or bring its link up",
			    "there is no route to %s (%s)", name, text);
		return 0;
	}
	if (!peer->flooded)
		return 0; /* cause_here() has named it */
	r = look_at_peer(v, vtep, &state, err);
	if (r == 0)
		say_tunnel(v, node, &state, where);
	return r;
}

/* An address that was given, or whose node the overlay has not learned. */
static void say_elsewhere(const struct verify *v, const struct inet_addr *addr)
{
	const struct sweep_answer *answer = verify_answer(v, addr);
	struct report *report = &v->ctl->report;
	char text[INET_ADDR_TEXT], mac[INET_MAC_TEXT];

	inet_addr_format(addr, text);
	if (answer)
		report_fail(report, text,
			    "look at the firewall and the routes of that pod",
			    "%s answers for it, and no packet comes back",
			    inet_mac_format(&answer->mac, mac));
	else
		report_fail(report, text,
			    "look for it on its node: shimctl ipam ls",
			    "nobody answers for it: no pod has it, or its node "
			    "is not reached");
}

static void cause_elsewhere(struct verify *v, size_t node)
{
	for (size_t i = 0; i < v->n_legs; i++) {
		const struct verify_target *to = v->legs[i].to;

		if (to->node != node ||
		    !verify_is_open(&v->legs[i], VERIFY_SMALL))
			continue;
		say_elsewhere(v, &to->addr);
		for (size_t j = i; j < v->n_legs; j++)
			if (v->legs[j].to == to)
				v->legs[j].is_explained = true;
	}
}

/* What a node's legs have in common. */
struct node_legs {
	size_t lost; /* of small packets */
	size_t answered;
	size_t lost_hosts; /* from here to its own address */
	size_t from_host; /* lost ones that begin at this host */
	size_t from_pods;
	size_t narrow;
	size_t wide;
	uint32_t widest;
};

static struct node_legs count_node(const struct verify *v, size_t node)
{
	struct node_legs n = { 0 };

	for (size_t i = 0; i < v->n_legs; i++) {
		const struct verify_leg *leg = &v->legs[i];
		bool lost = verify_is_open(leg, VERIFY_SMALL);

		if (!verify_is_remote(leg) || leg->to->node != node)
			continue;
		n.lost += lost;
		n.answered += leg->echo[VERIFY_SMALL].received > 0;
		n.lost_hosts += lost && leg->to->place == VERIFY_REMOTE_HOST;
		n.from_host += lost && !leg->from->child;
		n.from_pods += lost && leg->from->child;
		n.narrow += verify_is_open(leg, VERIFY_FULL);
		n.wide += leg->echo[VERIFY_FULL].received > 0;
		if (leg->widest)
			n.widest = leg->widest;
	}
	return n;
}

static void explain_node(struct verify *v, size_t node, enum verify_size size)
{
	for (size_t i = 0; i < v->n_legs; i++)
		if (verify_is_remote(&v->legs[i]) &&
		    v->legs[i].to->node == node &&
		    verify_is_lost(&v->legs[i], size))
			v->legs[i].is_explained = true;
}

static void say_some(const struct verify *v, size_t node,
		     const struct node_legs *n, bool is_wrong)
{
	struct report *report = &v->ctl->report;
	const char *name = verify_node_name(v, node);

	if (n->lost == n->lost_hosts)
		report_fail(report, v->network->config.name, "shimctl up there",
			    "the address of %s does not answer, its pods do: "
			    "it has no host shim",
			    name);
	else if (!n->from_pods && is_wrong)
		return; /* cause_here() has named it */
	else if (!n->from_pods)
		report_fail(report, v->network->config.name, "shimctl up",
			    "%s does not answer this host, but its pods: the "
			    "tunnel is fine, the host shim is not",
			    name);
	else
		report_fail(report, v->network->config.name,
			    "run shimctl verify there",
			    "%zu legs to %s are broken, %zu are not: the "
			    "tunnel is fine",
			    n->lost, name, n->answered);
}

/* The outer header takes what the MTU of both ends says. */
static void say_narrow(const struct verify *v, size_t node,
		       const struct peers *peers, const struct node_legs *n)
{
	const struct inet_addr *vtep = &v->nodes[node].vtep;
	const struct peer *peer = find_peer(peers, vtep);
	unsigned int outer = vtep->family == AF_INET6 ? 70 : 50;
	char text[INET_ADDR_TEXT];
	char next[128];

	snprintf(next, sizeof(next),
		 "raise the MTU on that way to %u, or set vxlan.mtu to %u",
		 v->parent.mtu + outer, n->widest);
	if (!v->parent.is_vxlan || !peer)
		snprintf(next, sizeof(next), "raise the MTU on that way to %u",
			 v->parent.mtu);
	inet_addr_format(vtep, text);
	report_fail(
		&v->ctl->report, v->network->config.name, next,
		"packets over %u bytes are lost on the way to %s%s%s%s%s%s: "
		"the overlay's mtu is %u",
		n->widest, verify_node_name(v, node), *text ? " (" : "", text,
		peer && *peer->route ? " " : "", peer ? peer->route : "",
		*text ? ")" : "", v->parent.mtu);
}

static int cause_node(struct verify *v, const struct peers *peers, size_t node,
		      bool is_wrong, struct error *err)
{
	const struct peer *peer = find_peer(peers, &v->nodes[node].vtep);
	struct node_legs n;
	int r = 0;

	if (verify_is_elsewhere(v, node))
		cause_elsewhere(v, node);
	n = count_node(v, node);
	if (n.lost && n.answered && peer) {
		r = verify_moved(v, peers, peer, node, err);
		n = count_node(v, node);
	}
	if (r < 0)
		return r;
	if (n.lost && !n.answered)
		r = cause_tunnel(v, peers, node, err);
	else if (n.lost)
		say_some(v, node, &n, is_wrong);
	if (n.narrow && !n.wide)
		say_narrow(v, node, peers, &n);
	else if (n.narrow)
		report_fail(&v->ctl->report, v->network->config.name,
			    "run shimctl verify --mtu there",
			    "packets of %u bytes are lost on %zu legs to %s, "
			    "not on %zu others: ends with another MTU",
			    v->parent.mtu, n.narrow, verify_node_name(v, node),
			    n.wide);
	explain_node(v, node, VERIFY_SMALL);
	explain_node(v, node, VERIFY_FULL);
	return r;
}

int verify_peer_causes(struct verify *v, bool is_wrong, struct error *err)
{
	cleanup_peers struct peers peers = { 0 };
	int r = 0;

	if (v->parent.is_vxlan)
		r = peers_find(v->ctl, v->network, &v->parent, &peers, err);
	for (size_t i = 1; i < v->n_nodes && r == 0; i++)
		r = cause_node(v, &peers, i, is_wrong, err);
	return r;
}
