#include "plugin/ctl/doctor.h"
#include "plugin/shared.h"
#include "plugin/shim.h"

#include <stdio.h>
#include <string.h>

/*
 * The plugin's own look (node_look), as "shimctl up -n" has it: it knows what
 * parent and shim must be, and goes on behind each difference. Here only what a
 * difference does to people is added, by the words in which it is told.
 */

static const struct meaning {
	const char *words;
	const char *name;
	const char *why; /* NULL: the words say it */
} meanings[] = {
	{ "is down", "down",
	  "nothing passes, though the interfaces of its pods look up" },
	{ "learning is", "flood",
	  "without learning every frame goes to every peer" },
	{ "ageing is", "flood",
	  "peers that are forgotten too early are flooded to" },
	{ "mtu is", "mtu", "too large ones travel as fragments or not at all" },
	{ "mode is", "mode", "it does not reach its siblings, the pods" },
	{ "arp_ignore is", "arp",
	  "it answers ARP for addresses that are not its own: two MACs for one "
	  "address" },
	{ "arp_announce is", "arp",
	  "it asks in the name of other links' addresses, and poisons caches" },
	{ "rp_filter is", "rp_filter",
	  "strict filtering drops what arrives while an address moves" },
	{ "accept_ra is", "ipv6", "router advertisements give it addresses" },
	{ "disable_ipv6 is", "ipv6", "it cannot bear its IPv6 address" },
	{ "IPv6 link-local", "ipv6",
	  "a parent that speaks is a second host on the segment" },
	{ "does not flood to", "peers",
	  "that node gets no ARP request from here" },
	{ "which is this node", "peers",
	  "its broadcasts come back, and look like duplicate addresses" },
	{ "floods to", "peers", "every broadcast is sent there too" },
	{ "bcqueuelen is", "broadcast", "bursts of broadcasts are dropped" },
	{ "has to move to", "address",
	  "as long as the parent bears it, no pod of this node is reached" },
	{ "does not have", "address",
	  "the pods of this network do not reach this node" },
	{ "has a route to", "route", NULL },
	{ "has no route to", "route",
	  "pods of this node in that range are not reached" },
	{ "which is not wanted", "address", NULL },
	{ "is not on", "parent", "it reaches none of the pods" },
	{ "does not exist", "missing", NULL },
};

struct drift {
	struct shared_watch watch; /* first: the watcher gets this back */
	struct doctor *doctor;
	bool anew; /* the shim will be: what else differs is of no interest */
};

static void drift_add(struct doctor *d, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		const struct meaning *meaning = &meanings[i];

		if (!strstr(text, meaning->words))
			continue;
		doctor_found_as(d, meaning->name, "%s%s%s", text,
				meaning->why ? ": " : "",
				meaning->why ? meaning->why : "");
		return;
	}
	doctor_found(d, "%s", text);
}

static void drift_tell(struct shared_watch *watch, const char *link,
		       const char *text)
{
	struct drift *drift = (struct drift *)(void *)watch;
	char line[384];

	if (drift->anew)
		return;
	drift->anew = strncmp(text, "is not on ", strlen("is not on ")) == 0;
	snprintf(line, sizeof(line), "%s %s", link, text);
	drift_add(drift->doctor, line);
}

/* What up could not make right either says itself how to get out. */
static void drift_refused(struct doctor *d, const struct error *wrong)
{
	const char *name = d->check->name;

	if (wrong->code == ERROR_OVERLAY)
		name = "overlay";
	else if (wrong->code == ERROR_SHIM)
		name = "shim";
	doctor_step(d, "correct %s, then: shimctl up",
		    wrong->code == ERROR_AGAIN ? "\"master\", or make it"
					       : "what it names");
	doctor_found_as(d, name, "%s", wrong->details);
	d->refused = true;
}

int doctor_drift(struct doctor *d, struct error *err)
{
	struct drift drift = {
		.watch = { .plan = true, .tell = drift_tell },
		.doctor = d,
	};
	struct netlink_link parent;
	struct error wrong = { 0 };
	int r;

	shared_watch(&drift.watch);
	r = node_look(d->ctl->host, &d->network->config, &d->network->node,
		      &parent, &wrong);
	shared_watch(NULL);
	if (r < 0 && (wrong.sys == EPERM || wrong.sys == EACCES)) {
		*err = wrong;
		return r;
	}
	if (r < 0)
		drift_refused(d, &wrong);
	else if (r == NODE_WRONG)
		drift_add(d, wrong.details);
	return 0;
}

/* Our overlay is up's; somebody else's parent is only told. */
static void down_parent(struct doctor *d)
{
	if (d->network->config.vxlan.present || (d->parent.flags & IFF_UP))
		return;
	doctor_step(d, "set it up where it is managed: ip link set %s up",
		    d->parent.name);
	doctor_found(d,
		     "%s is down, and is not ours: nothing passes, though the "
		     "interfaces of its pods look up",
		     d->parent.name);
}

int doctor_down(struct doctor *d, struct error *err)
{
	(void)err;
	down_parent(d);
	for (size_t i = 0; i < d->children.count; i++) {
		const struct child *child = &d->children.items[i];
		char who[DOCTOR_WHO];

		if (!child->is_found || child->is_here || child->is_up)
			continue;
		doctor_step(d, "restart the pod");
		doctor_found(d, "%s is down: the pod is not reached",
			     doctor_who(child, who));
	}
	return 0;
}

static bool missing_is_told(const struct config *config)
{
	return config->n_nodes > 0 || config->shim.present ||
	       config->vxlan.present;
}

/* "auto" goes without a shim where there is no address for one: right for an ADD,
 * which must not fail for it, and seldom what was meant. */
int doctor_missing(struct doctor *d, struct error *err)
{
	const struct network *network = d->network;

	(void)err;
	if (d->shim.index || d->n_found || !missing_is_told(&network->config) ||
	    !shim_is_possible(&network->config))
		return 0;
	doctor_step(d, "add %s with its address to \"nodes\", then: shimctl up",
		    network->node.name);
	doctor_found(d,
		     "%s has no host shim, because node \"%s\" (from %s) has "
		     "%s in \"nodes\": this node does not reach its pods",
		     d->parent.name, network->node.name,
		     network->node.name_source,
		     network->node.row ? "no address" : "no row");
	return 0;
}
