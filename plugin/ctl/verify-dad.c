#include "lib/probe.h"
#include "plugin/ctl/verify.h"

#include <stdio.h>
#include <string.h>

/*
 * Who else answers for an address? The segment was asked about all of them, and
 * has given as many answers as it has holders. About the shim's own, which a
 * kernel does not ask itself, it is asked by probes from the shim; their silence
 * takes time, so that is done with --dad only.
 */

#define DAD_PROBE_MS 400

/* Behind which node? "" if the overlay does not know. */
static void where_is(const struct verify *v, const struct netlink_fdb *fdb,
		     const struct inet_mac *mac, char *buf, size_t size)
{
	for (size_t i = 0; i < fdb->count; i++) {
		const struct netlink_fdb_entry *entry = &fdb->items[i];
		char vtep[INET_ADDR_TEXT];
		size_t node = 1;

		if (!entry->dst.family || !inet_mac_equal(&entry->mac, mac))
			continue;
		while (node < v->n_nodes &&
		       !inet_addr_equal(&v->nodes[node].vtep, &entry->dst))
			node++;
		snprintf(buf, size, " behind %s",
			 node < v->n_nodes
				 ? verify_node_name(v, node)
				 : inet_addr_format(&entry->dst, vtep));
		return;
	}
	*buf = '\0';
}

static const struct child *holder_here(const struct verify *v,
				       const struct inet_addr *addr)
{
	for (size_t i = 0; i < v->n_targets; i++)
		if (v->targets[i].child &&
		    inet_addr_equal(&v->targets[i].addr, addr))
			return v->targets[i].child;
	return NULL;
}

static void say_stranger(const struct verify *v, const struct netlink_fdb *fdb,
			 const struct inet_addr *addr,
			 const struct inet_mac *mac, const char *holder)
{
	char text[INET_ADDR_TEXT], who[INET_MAC_TEXT], where[128];

	where_is(v, fdb, mac, where, sizeof(where));
	report_fail(&v->ctl->report, inet_addr_format(addr, text),
		    "stop one of them; who was given it: shimctl ipam ls, on "
		    "both nodes",
		    "%s has it, and %s%s answers for it too", holder,
		    inet_mac_format(mac, who), where);
}

/* A namespace answers for its addresses on all of its links. */
static bool is_of_same(const struct verify *v, const struct child *holder,
		       const struct inet_mac *mac)
{
	for (size_t i = 0; i < v->children.count; i++) {
		const struct child *child = &v->children.items[i];

		if (child->is_found && child->netns == holder->netns &&
		    inet_mac_equal(&child->mac, mac))
			return true;
	}
	return false;
}

/* Two MACs of one node may be two links of one namespace. */
static void say_two(const struct verify *v, const struct netlink_fdb *fdb,
		    const struct sweep_answer *a, const struct sweep_answer *b)
{
	char where_a[128], where_b[128], mac_a[INET_MAC_TEXT],
		mac_b[INET_MAC_TEXT];
	char addr[INET_ADDR_TEXT];
	char holder[192];

	where_is(v, fdb, &a->mac, where_a, sizeof(where_a));
	where_is(v, fdb, &b->mac, where_b, sizeof(where_b));
	inet_mac_format(&a->mac, mac_a);
	inet_mac_format(&b->mac, mac_b);
	snprintf(holder, sizeof(holder), "%s%s", mac_a, where_a);
	if (strcmp(where_a, where_b) != 0 || !*where_a)
		say_stranger(v, fdb, &a->addr, &b->mac, holder);
	else
		report_warn(&v->ctl->report, inet_addr_format(&a->addr, addr),
			    "shimctl up there, then: shimctl verify --dad",
			    "%s and %s answer for it, both%s: its parent does "
			    "as well, or it has two links, or two have it",
			    mac_a, mac_b, where_a);
}

/*
 * Beside a NIC that keeps its address a node's shim has one, too, and the NIC
 * answers for both: it is left as its owner set it (arp_ignore), and frames that
 * reach it reach the node. A stranger has but the one address.
 */
static bool is_nic_of_node(const struct verify *v,
			   const struct sweep_answer *answer)
{
	bool is_node = false;
	size_t n = 0;

	for (size_t i = 0; i < v->n_targets; i++)
		is_node |= v->targets[i].place == VERIFY_REMOTE_HOST &&
			   inet_addr_equal(&v->targets[i].addr, &answer->addr);
	for (size_t i = 0; i < v->sweep.count; i++)
		n += inet_mac_equal(&v->sweep.items[i].mac, &answer->mac);
	return is_node && !v->parent.is_vxlan && n > 1;
}

static void look_at_answer(const struct verify *v,
			   const struct netlink_fdb *fdb,
			   const struct sweep_answer *answer)
{
	const struct child *child = holder_here(v, &answer->addr);
	/* The same pair in the other order was told before. */
	const struct sweep_answer *first = verify_answer(v, &answer->addr);
	char holder[192];

	if (!child && first && first != answer && !is_nic_of_node(v, first) &&
	    !is_nic_of_node(v, answer)) {
		say_two(v, fdb, first, answer);
	} else if (child && !is_of_same(v, child, &answer->mac)) {
		snprintf(holder, sizeof(holder), "%s %s",
			 child->is_shim ? "the shim" : "pod",
			 child->is_shim ? child->ifname : child->owner);
		say_stranger(v, fdb, &answer->addr, &answer->mac, holder);
	}
}

/* The shim's own. */
static int probe_shim(struct verify *v, const struct netlink_fdb *fdb,
		      struct error *err)
{
	for (size_t i = 0; i < v->n_targets; i++) {
		const struct verify_target *target = &v->targets[i];
		struct inet_mac mac;
		char holder[64];
		int r;

		if (target->place != VERIFY_LOCAL_HOST || !target->child ||
		    !target->child->is_up)
			continue;
		r = probe_conflict(-1, target->child->index,
				   &target->child->mac, 1, &target->addr,
				   DAD_PROBE_MS, &mac, err);
		if (r < 0)
			return r;
		if (r != PROBE_ANSWERED)
			continue;
		snprintf(holder, sizeof(holder), "the shim %s",
			 target->child->ifname);
		say_stranger(v, fdb, &target->addr, &mac, holder);
	}
	return 0;
}

static const struct ctl_column holder_columns[] = {
	{ "address", "ADDRESS", CTL_TEXT },
	{ "mac", "HOLDER", CTL_TEXT },
	{ "where", "", CTL_TEXT },
	{ NULL, NULL, CTL_TEXT },
};

static int report_holders(struct verify *v, const struct netlink_fdb *fdb,
			  struct error *err)
{
	struct report *report = &v->ctl->report;
	cleanup_ctl_table struct ctl_table table = { .columns =
							     holder_columns };

	for (size_t i = 0; i < v->sweep.count; i++) {
		const struct sweep_answer *answer = &v->sweep.items[i];
		char addr[INET_ADDR_TEXT], mac[INET_MAC_TEXT], where[128];

		where_is(v, fdb, &answer->mac, where, sizeof(where));
		ctl_table_add(&table, "%s",
			      inet_addr_format(&answer->addr, addr));
		ctl_table_add(&table, "%s", inet_mac_format(&answer->mac, mac));
		ctl_table_add(&table, "%s", *where ? where + 1 : "");
	}
	return report_table(report, "holders", &table, 0, true, err);
}

int verify_dad(struct verify *v, struct error *err)
{
	cleanup_netlink_fdb struct netlink_fdb fdb = { 0 };
	int r = 0;

	if (v->parent.is_vxlan)
		r = netlink_fdb_list(v->ctl->host, v->parent.index, &fdb, err);
	for (size_t i = 0; i < v->sweep.count && r == 0; i++)
		look_at_answer(v, &fdb, &v->sweep.items[i]);
	if (r < 0 || !v->ctl->dad)
		return r;
	r = probe_shim(v, &fdb, err);
	return r == 0 ? report_holders(v, &fdb, err) : r;
}
