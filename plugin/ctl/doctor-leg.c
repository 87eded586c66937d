#include "plugin/ctl/doctor.h"

#include "lib/echo.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Which leg is broken, for each address that the log complains of: who bears it
 * says which way the packets should go, the reason says how far they came, and
 * an echo says whether it is so still.
 */

#define LEG_COUNT       2
#define LEG_INTERVAL_MS 20
#define LEG_TIMEOUT_MS  300
#define LEG_ADDRESSES   32 /* asked together; more are not asked */

enum leg {
	LEG_SELF, /* the shim's own address */
	LEG_POD, /* a pod of this node */
	LEG_GONE, /* a pod that the table knows, and that has no interface */
	LEG_NODE, /* another node's own address */
	LEG_REMOTE, /* in the network, and not here */
	LEG_OUTSIDE, /* in no network's range */
	LEG_NONE, /* another network tells */
};

static bool leg_has(const char *addresses, const struct inet_addr *addr)
{
	cleanup_free char *list = strdup(addresses);
	char *save = NULL;

	for (char *one = list ? strtok_r(list, ", ", &save) : NULL; one;
	     one = strtok_r(NULL, ", ", &save)) {
		struct inet_prefix prefix;

		if (inet_prefix_parse(one, &prefix) &&
		    inet_addr_equal(&prefix.addr, addr))
			return true;
	}
	return false;
}

static const struct child *leg_child(const struct doctor *d,
				     const struct inet_addr *addr)
{
	for (size_t i = 0; i < d->children.count; i++)
		if (leg_has(d->children.items[i].addresses, addr))
			return &d->children.items[i];
	return NULL;
}

static const struct config_node *leg_node(const struct doctor *d,
					  const struct inet_addr *addr)
{
	const struct config *config = &d->network->config;

	for (size_t i = 0; i < config->n_nodes; i++)
		for (size_t j = 0; j < config->nodes[i].n_addresses; j++)
			if (inet_addr_equal(&config->nodes[i].addresses[j].addr,
					    addr))
				return &config->nodes[i];
	return NULL;
}

static bool leg_is_of_another(const struct doctor *d,
			      const struct inet_addr *addr)
{
	for (size_t i = 0; i < d->ctl->n_networks; i++)
		if (ctl_network_has(&d->ctl->networks[i], addr))
			return true;
	return false;
}

static enum leg leg_of(const struct doctor *d, const struct inet_addr *addr)
{
	const struct child *child = leg_child(d, addr);
	const struct config_node *node = leg_node(d, addr);

	if (child && child->is_shim)
		return LEG_SELF;
	if (child)
		return child->is_found ? LEG_POD : LEG_GONE;
	if (node)
		return node == d->network->node.row ? LEG_SELF : LEG_NODE;
	if (ctl_network_has(d->network, addr))
		return LEG_REMOTE;
	return leg_is_of_another(d, addr) ? LEG_NONE : LEG_OUTSIDE;
}

/* --- what is said ------------------------------------------------------------------------ */

/* Where the kernel sends it now, if that is not the shim. */
static int leg_astray(struct doctor *d, const struct inet_addr *addr,
		      enum leg leg, char *buf, size_t size, struct error *err)
{
	struct netlink_route route = { 0 };
	struct netlink_link link;
	int r;

	*buf = '\0';
	if (!d->shim.index || leg == LEG_SELF || leg == LEG_OUTSIDE)
		return 0;
	r = netlink_route_get(d->ctl->host, addr, &route, err);
	if (r < 0 || (r == 0 && route.index == d->shim.index))
		return r;
	if (r == NETLINK_ABSENT ||
	    netlink_link_get_index(d->ctl->host, route.index, &link, err) != 0)
		snprintf(buf, size, "; there is no route to it");
	else
		snprintf(buf, size, "; packets to it leave by %s, not by %s",
			 link.name, d->shim.name);
	return 0;
}

static void leg_who(const struct doctor *d, const struct inet_addr *addr,
		    enum leg leg, char *buf, size_t size)
{
	const struct child *child = leg_child(d, addr);
	const struct config_node *node = leg_node(d, addr);
	char who[DOCTOR_WHO];

	switch (leg) {
	case LEG_SELF:
		snprintf(buf, size, "this node's own address");
		break;
	case LEG_POD:
		snprintf(buf, size, "%s, on this node", doctor_who(child, who));
		break;
	case LEG_GONE:
		snprintf(buf, size, "%s, whose interface is gone",
			 *child->owner ? child->owner : child->ifname);
		break;
	case LEG_NODE:
		snprintf(buf, size, "node %s itself", node->name);
		break;
	case LEG_REMOTE:
		snprintf(buf, size, "no pod of this node");
		break;
	case LEG_OUTSIDE:
		snprintf(buf, size, "in no range of a storage network");
		break;
	case LEG_NONE:
		break;
	}
}

static const char *leg_verdict(enum leg leg, enum doctor_log_reason reason)
{
	if (leg == LEG_OUTSIDE)
		return "the target listens on the pod's cluster address";
	if (leg == LEG_GONE)
		return "a session to a pod that is gone";
	if (leg == LEG_SELF || leg == LEG_NODE)
		return "no target listens on a node's address";
	switch (reason) {
	case DOCTOR_LOG_REFUSED:
		return "the network is fine, and no iSCSI target listens there";
	case DOCTOR_LOG_NO_ROUTE:
		return "this node has no route to it";
	case DOCTOR_LOG_UNREACHABLE:
		return leg == LEG_POD ? "the local leg, from host to pod, is "
					"broken: nobody answers ARP for it"
				      : "the leg between nodes is broken, or "
					"it is nobody's any more: nobody "
					"answers ARP for it";
	case DOCTOR_LOG_TIMEOUT:
		return leg == LEG_POD ? "the local leg, from host to pod, "
					"loses packets"
				      : "the leg between nodes loses packets";
	case DOCTOR_LOG_OTHER:
		break;
	}
	return leg == LEG_POD ? "the local leg, from host to pod"
			      : "the leg between nodes";
}

static void leg_step(struct doctor *d, const struct inet_addr *addr,
		     enum leg leg, enum doctor_log_reason reason)
{
	char text[INET_ADDR_TEXT];

	inet_addr_format(addr, text);
	if (leg == LEG_OUTSIDE)
		doctor_step(d, "look for the storage network in the pod's "
			       "network-status annotation");
	else if (leg == LEG_GONE)
		doctor_step(d, "iscsiadm -m node -p %s --logout", text);
	else if (leg == LEG_SELF || leg == LEG_NODE)
		doctor_step(d, "look which address the volume's engine has");
	else if (reason == DOCTOR_LOG_REFUSED)
		doctor_step(d, "look at the log of the pod that has %s", text);
	else if (reason == DOCTOR_LOG_NO_ROUTE)
		doctor_step(d, "shimctl up");
	else if (leg == LEG_POD)
		doctor_step(d, "shimctl up, then: shimctl verify --mtu");
	else
		doctor_step(d, "shimctl verify --mtu %s, here and on its node",
			    text);
}

static int leg_found(struct doctor *d, const struct doctor_log_line *line,
		     bool answers, struct error *err)
{
	char addr[INET_ADDR_TEXT], astray[96], who[DOCTOR_WHO + 32] = "";
	enum leg leg = leg_of(d, &line->addr);
	int r;

	if (leg == LEG_NONE)
		return 0;
	r = leg_astray(d, &line->addr, leg, astray, sizeof(astray), err);
	if (r < 0)
		return r;
	leg_who(d, &line->addr, leg, who, sizeof(who));
	leg_step(d, &line->addr, leg, line->reason);
	doctor_found(d, "%s is %s: %s (\"%s\", %zu time%s)%s%s",
		     inet_addr_format(&line->addr, addr), who,
		     leg_verdict(leg, line->reason), line->words, line->count,
		     line->count == 1 ? "" : "s", astray,
		     answers ? "; it answers pings now" : "");
	return 0;
}

/* --- all of them -------------------------------------------------------------------------- */

static int leg_ask(const struct doctor_log *log, struct echo *echo,
		   struct error *err)
{
	static const struct echo_plan plan = {
		.count = LEG_COUNT,
		.interval_ms = LEG_INTERVAL_MS,
		.timeout_ms = LEG_TIMEOUT_MS,
	};
	size_t count = log->count < LEG_ADDRESSES ? log->count : LEG_ADDRESSES;

	for (size_t i = 0; i < count; i++)
		echo[i].to = log->items[i].addr;
	return count ? echo_run(-1, &plan, echo, count, err) : 0;
}

int doctor_leg(struct doctor *d, struct error *err)
{
	struct echo echo[LEG_ADDRESSES] = { 0 };
	int r;

	if (!d->log)
		return 0;
	r = leg_ask(d->log, echo, err);
	for (size_t i = 0; i < d->log->count && r == 0; i++)
		r = leg_found(d, &d->log->items[i],
			      i < LEG_ADDRESSES && echo[i].received > 0, err);
	return r;
}
