#include "plugin/ctl/verify.h"

#include <stdio.h>

/*
 * Why a leg is broken, as far as it can be known from here: from this node's own
 * links and routes, from the pods' links, and from the underlay. The most special
 * cause comes first and takes the legs that it explains; for what is left only
 * the side is told on which it is broken.
 */

static bool is_lost(const struct verify_leg *leg)
{
	return verify_is_lost(leg, VERIFY_SMALL) ||
	       verify_is_lost(leg, VERIFY_FULL);
}

/* --- this node -------------------------------------------------------------------- */

/* It is to have a shim, and has none. */
static bool is_shimless(const struct verify *v)
{
	return !v->shim.index && !v->is_hostless;
}

static const char *shim_name(const struct verify *v, char buf[static IFNAMSIZ])
{
	const char *name = v->network->config.shim.name;

	return name ? name : config_shim_name(v->parent.name, buf);
}

/* Legs of the host, and those that end at it. */
static void explain_host(struct verify *v)
{
	for (size_t i = 0; i < v->n_legs; i++)
		if (!v->legs[i].from->child ||
		    v->legs[i].to->place == VERIFY_LOCAL_HOST)
			v->legs[i].is_explained = true;
}

/* Where legs are lost it is why; where none is it may be so soon. */
static void say_here(struct verify *v, bool is_failure, const char *next,
		     const char *text)
{
	struct report *report = &v->ctl->report;

	if (is_failure)
		report_fail(report, v->network->config.name, next, "%s", text);
	else
		report_warn(report, v->network->config.name, next, "%s", text);
}

/*
 * What an ADD would repair. Return: was there something?
 *
 * A host without its shim may reach every other node and pod, as long as the
 * parent bears its address: those that it does not reach are the pods that come
 * to run here.
 */
static bool cause_here(struct verify *v, bool is_any)
{
	struct netlink_link parent;
	struct error wrong = { 0 };
	char text[sizeof(wrong.details)], name[IFNAMSIZ];
	int r = node_look(v->ctl->host, &v->network->config, &v->network->node,
			  &parent, &wrong);

	snprintf(text, sizeof(text), "%s", wrong.details);
	if (is_shimless(v)) {
		is_any = true;
		explain_host(v);
		if (r == NODE_WRONG)
			snprintf(text, sizeof(text), "%s does not exist",
				 shim_name(v, name));
	}
	if (r != NODE_OK)
		say_here(v, is_any,
			 r == NODE_WRONG ? "shimctl up"
					 : "correct what it names, then: "
					   "shimctl up",
			 text);
	else if (!(v->parent.flags & IFF_UP))
		report_fail(&v->ctl->report, v->network->config.name,
			    "set it up where it is managed", "%s is down",
			    v->parent.name);
	return r != NODE_OK || !(v->parent.flags & IFF_UP);
}

/* Does the node send to @leg's end over another link than its shim? */
static int cause_route(struct verify *v, struct verify_leg *leg,
		       struct error *err)
{
	struct netlink_route route = { 0 };
	struct netlink_link link = { 0 };
	char addr[INET_ADDR_TEXT];
	int r;

	if (leg->from->child || !v->shim.index ||
	    leg->to->place == VERIFY_REMOTE_HOST)
		return 0;
	r = netlink_route_get(v->ctl->host, &leg->to->addr, &route, err);
	if (r < 0 || (r == 0 && route.index == v->shim.index))
		return r;
	if (r == 0 && route.index)
		r = netlink_link_get_index(v->ctl->host, route.index, &link,
					   err);
	if (r < 0)
		return r;
	leg->is_explained = true;
	inet_addr_format(&leg->to->addr, addr);
	report_fail(&v->ctl->report, v->network->config.name,
		    "look at: ip route get, and remove what leads there",
		    "this node sends to %s over %s, not over %s", addr,
		    *link.name ? link.name : "no link", v->shim.name);
	return 0;
}

static int cause_routes(struct verify *v, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < v->n_legs && r == 0; i++)
		if (verify_is_open(&v->legs[i], VERIFY_SMALL))
			r = cause_route(v, &v->legs[i], err);
	return r;
}

/* --- pods ------------------------------------------------------------------------- */

static const char *child_name(const struct child *child)
{
	return *child->owner ? child->owner : "that is not ours";
}

/* Legs that begin or end at @child. */
static bool is_of(const struct verify_leg *leg, const struct child *child)
{
	return leg->from->child == child || leg->to->child == child;
}

static size_t explain(struct verify *v, const struct child *child,
		      enum verify_size size, bool local_only)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n_legs; i++) {
		struct verify_leg *leg = &v->legs[i];

		if (!verify_is_open(leg, size) || !is_of(leg, child) ||
		    (local_only && verify_is_remote(leg)))
			continue;
		leg->is_explained = true;
		n++;
	}
	return n;
}

static void cause_child(struct verify *v, const struct child *child)
{
	struct report *report = &v->ctl->report;
	const char *pod = child_name(child);

	if (!child->is_up && explain(v, child, VERIFY_SMALL, false))
		report_fail(report, v->network->config.name, "restart the pod",
			    "pod %s: %s is down", pod, child->ifname);
	if (child->mode != MACVLAN_MODE_BRIDGE &&
	    explain(v, child, VERIFY_SMALL, true))
		report_fail(
			report, v->network->config.name,
			"set \"mode\" to bridge in the network, and restart "
			"the pod",
			"pod %s is a child in %s mode, the shim one in "
			"bridge mode: they never meet",
			pod, config_mode_text(child->mode));
	if (child->mtu < v->parent.mtu && explain(v, child, VERIFY_FULL, false))
		report_fail(report, v->network->config.name, "restart the pod",
			    "pod %s: %s has mtu %u, %s has %u", pod,
			    child->ifname, child->mtu, v->parent.name,
			    v->parent.mtu);
}

static void cause_children(struct verify *v)
{
	for (size_t i = 0; i < v->children.count; i++)
		if (v->children.items[i].is_found)
			cause_child(v, &v->children.items[i]);
}

/* Nothing of this node is reached from the shim, or the shim from nothing. */
static void cause_rest_here(struct verify *v, enum verify_size size)
{
	struct report *report = &v->ctl->report;
	const struct verify_leg *first = NULL;
	char addr[INET_ADDR_TEXT];
	size_t n = 0;

	for (size_t i = 0; i < v->n_legs; i++) {
		struct verify_leg *leg = &v->legs[i];

		if (!verify_is_open(leg, size) || verify_is_remote(leg))
			continue;
		leg->is_explained = true;
		first = first ? first : leg;
		n++;
	}
	if (!first)
		return;
	inet_addr_format(&first->to->addr, addr);
	if (size == VERIFY_FULL)
		report_fail(report, v->network->config.name,
			    "compare the MTUs of parent, shim and pods",
			    "packets of %u bytes are lost within this node, "
			    "small ones pass (%zu legs, %s first)",
			    v->parent.mtu, n, addr);
	else
		report_fail(report, v->network->config.name,
			    "look at firewalls of host and pod, then: shimctl "
			    "status",
			    "%zu legs within this node are broken, %s first", n,
			    addr);
}

/* --- all of it ----------------------------------------------------------------------- */

int verify_causes(struct verify *v, struct error *err)
{
	bool is_any = false;
	bool is_wrong;
	int r;

	verify_tcp_causes(v);
	for (size_t i = 0; i < v->n_legs; i++)
		is_any |= is_lost(&v->legs[i]);
	is_wrong = cause_here(v, is_any);
	if (!is_any)
		return 0;
	cause_children(v);
	r = cause_routes(v, err);
	if (r < 0)
		return r;
	if (!is_wrong) {
		cause_rest_here(v, VERIFY_SMALL);
		cause_rest_here(v, VERIFY_FULL);
	}
	return verify_peer_causes(v, is_wrong, err);
}
