#include "lib/probe.h"
#include "plugin/ctl/children.h"
#include "plugin/ctl/ctl.h"
#include "plugin/shared.h"

#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

/*
 * Does the node need a leg of its own to reach pods on this parent? The rule of
 * thumb says: only on a VXLAN, because a flat layer 2 would carry the frame. The
 * kernel says otherwise: what a macvlan parent sends goes out of it, whatever
 * its kind, and never to its own children (drivers/net/macvlan.c: only the
 * receive path looks them up). A switch that sends the frame back on the port
 * that it came from (hairpin, VEPA) is the exception, and --probe finds it.
 */

#define NEEDS_PROBE_MS 900

struct needs {
	struct ctl *ctl;
	struct netlink_link parent;
	struct netlink_link shim; /* index 0: there is none */
	struct children children;
	size_t n_pods;
	size_t n_hidden; /* of them, in namespaces that cannot be seen */
	bool needed;
	bool answered; /* the probe, by a child of this parent */
};

static bool needs_is_tunnel(const struct netlink_link *link)
{
	static const char *const kinds[] = { "vxlan", "geneve", "gretap",
					     "ip6gretap", "erspan" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(link->kind, kinds[i]) == 0)
			return true;
	return false;
}

/* --- by kind ------------------------------------------------------------------------ */

static const char *needs_reason(struct needs *needs)
{
	const struct netlink_link *parent = &needs->parent;

	needs->needed = true;
	if (needs_is_tunnel(parent))
		return "it encapsulates everything that it sends: a local pod "
		       "never sees it";
	if (strcmp(parent->kind, "bridge") == 0)
		return "a bridge sends to its ports and itself, not to its own "
		       "macvlan children";
	if (parent->is_macvlan && parent->macvlan.mode == MACVLAN_MODE_BRIDGE) {
		needs->needed = false;
		return "it is a macvlan in bridge mode: pods on it become its "
		       "siblings, which reach it";
	}
	return "a macvlan parent sends to the wire, never to its own children; "
	       "a flat layer 2 does not change that, only a switch port that "
	       "hairpins does";
}

/* --- by probe ----------------------------------------------------------------------- */

static const struct child *needs_child(const struct needs *needs,
				       const struct inet_addr *addr)
{
	for (size_t i = 0; i < needs->children.count; i++) {
		const struct child *child = &needs->children.items[i];
		cleanup_free char *list = strdup(child->addresses);
		char *save = NULL;

		if (!list)
			return NULL;
		for (char *one = strtok_r(list, ", ", &save); one;
		     one = strtok_r(NULL, ", ", &save)) {
			struct inet_prefix prefix;

			if (inet_prefix_parse(one, &prefix) &&
			    inet_addr_equal(&prefix.addr, addr))
				return child;
		}
	}
	return NULL;
}

static int needs_cannot(struct needs *needs, const char *next, const char *why)
{
	report_fail(&needs->ctl->report, needs->parent.name, next, "%s", why);
	return CTL_CANNOT;
}

/* Return: CTL_OK, CTL_CANNOT, or negative */
static int needs_probe(struct needs *needs, struct error *err)
{
	const char *text = needs->ctl->probe;
	const struct child *child;
	struct inet_addr addr;
	struct inet_mac who;
	int r;

	if (!inet_addr_parse(text, &addr))
		return ctl_usage("--probe %s: no address", text);
	if (!(needs->parent.flags & IFF_UP))
		return needs_cannot(needs, "set it up, and ask again",
				    "is down: it cannot be probed");
	child = needs_child(needs, &addr);
	if (!child || child->is_here)
		return needs_cannot(
			needs, "give the address of a pod of this node",
			"the probed address is no local pod's, so its answer "
			"would prove nothing");
	r = probe_conflict(-1, needs->parent.index, &needs->parent.mac, 1,
			   &addr, NEEDS_PROBE_MS, &who, err);
	if (r < 0)
		return error_context(err, "probe %s", text);
	needs->answered = r == PROBE_ANSWERED &&
			  inet_mac_equal(&who, &child->mac);
	return CTL_OK;
}

/* --- the answer ---------------------------------------------------------------------- */

static int needs_look(struct needs *needs, struct error *err)
{
	int r;

	r = children_find(needs->ctl, NULL, &needs->parent, &needs->shim,
			  &needs->children, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < needs->children.count; i++)
		if (!needs->children.items[i].is_here)
			needs->n_pods++;
	r = children_hidden(needs->ctl, &needs->parent, &needs->children,
			    &needs->n_hidden, err);
	needs->n_pods += needs->n_hidden;
	return r;
}

/* The marked one, else any of the host in bridge mode that has an address. */
static int needs_find_shim(struct needs *needs, struct error *err)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	int r = netlink_link_list(needs->ctl->host, &links, err);

	for (size_t i = 0; i < links.count && r == 0; i++) {
		const struct netlink_link *link = &links.items[i];
		cleanup_free char *addresses = NULL;

		if (!link->is_macvlan || link->parent_netns != -1 ||
		    link->parent != needs->parent.index ||
		    link->macvlan.mode != MACVLAN_MODE_BRIDGE)
			continue;
		r = ctl_addresses(needs->ctl->host, link->index, &addresses,
				  err);
		if (r == 0 && *addresses &&
		    (!needs->shim.index || shared_is_marked(link)))
			needs->shim = *link;
	}
	return r;
}

static void needs_say(struct needs *needs, const char *reason)
{
	struct report *report = &needs->ctl->report;
	const char *name = needs->parent.name;
	const char *word = needs->needed ? "needed" : "not needed";
	char hidden[64] = "";

	if (needs->n_hidden)
		snprintf(hidden, sizeof(hidden),
			 " (%zu where it cannot be seen)", needs->n_hidden);
	report_line(report, "%s  %s", word, reason);
	if (needs->ctl->probe)
		report_line(report, "probe   %s %s from %s", needs->ctl->probe,
			    needs->answered ? "answers" : "does not answer",
			    name);
	report_line(report,
		    "rule    \"VXLAN needs it, a flat layer 2 does "
		    "not\" says: %s",
		    needs_is_tunnel(&needs->parent) ? "needed" : "not needed");
	report_line(report, "here    %zu pod%s on %s%s, %s%s", needs->n_pods,
		    needs->n_pods == 1 ? "" : "s", name, hidden,
		    needs->shim.index ? "host shim " : "no host shim",
		    needs->shim.name);
	report_string(report, "parent", name);
	report_string(report, "kind", needs->parent.kind);
	report_bool(report, "needed", needs->needed);
	report_string(report, "reason", reason);
	report_bool(report, "rule", needs_is_tunnel(&needs->parent));
	report_uint(report, "pods", needs->n_pods);
	report_uint(report, "hidden", needs->n_hidden);
	report_string(report, "shim",
		      needs->shim.index ? needs->shim.name : NULL);
	if (needs->ctl->probe)
		report_bool(report, "answered", needs->answered);
	if (needs->needed && !needs->shim.index)
		report_fail(report, name, "shimctl up, with an address for it",
			    "has no host shim");
}

static int needs_run(struct needs *needs, struct error *err)
{
	const char *reason;
	int r;

	r = netlink_link_get(needs->ctl->host, needs->ctl->args[0],
			     &needs->parent, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT) {
		snprintf(needs->parent.name, sizeof(needs->parent.name), "%s",
			 needs->ctl->args[0]);
		return needs_cannot(needs, "look at: ip link",
				    "does not exist");
	}
	if (needs->parent.type != ARPHRD_ETHER)
		return needs_cannot(needs, "choose another parent",
				    "is not Ethernet: no pod can be on it");
	r = needs_find_shim(needs, err);
	if (r < 0)
		return r;
	r = needs_look(needs, err);
	if (r < 0)
		return r;
	reason = needs_reason(needs);
	if (needs->ctl->probe) {
		r = needs_probe(needs, err);
		if (r != CTL_OK)
			return r;
		if (needs->answered) {
			needs->needed = false;
			reason = "something sends the parent's frames back to "
				 "it (a switch port that hairpins)";
		}
	}
	needs_say(needs, reason);
	return CTL_OK;
}

int ctl_needs(struct ctl *ctl, struct error *err)
{
	struct needs needs = { .ctl = ctl };
	int r = needs_run(&needs, err);

	children_clear(&needs.children);
	return r;
}
