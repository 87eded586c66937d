#include "plugin/ctl/doctor.h"

#include "lib/sysctl.h"
#include "plugin/migrate.h"
#include "plugin/shared.h"
#include "plugin/shim.h"

#include <string.h>
#include <sys/socket.h>

/* Parent, shim and pods, as links: what the plugin's look does not compare,
 * because an ADD could not repair it. */

/* --- pods ------------------------------------------------------------------------------ */

/* A pod in another mode is reached from other nodes, and passes every test
 * between pods; only its own node does not reach it. */
int doctor_mode(struct doctor *d, struct error *err)
{
	(void)err;
	for (size_t i = 0; i < d->children.count; i++) {
		const struct child *child = &d->children.items[i];
		char who[DOCTOR_WHO];

		if (!child->is_found || child->is_shim ||
		    child->mode == MACVLAN_MODE_BRIDGE)
			continue;
		doctor_found(d,
			     "%s is in mode %s: this node's %s and its other "
			     "pods do not reach it",
			     doctor_who(child, who),
			     config_mode_text(child->mode), d->shim.name);
	}
	return 0;
}

static bool mtu_is_wanted(const struct doctor *d, uint32_t mtu)
{
	for (size_t i = 0; i < d->ctl->n_networks; i++)
		if (d->ctl->networks[i].config.mtu == mtu)
			return true;
	return false;
}

/* Lowering the parent lowers its children, in the pods too; raising it does not
 * raise them (drivers/net/macvlan.c, macvlan_device_event). */
static void mtu_of_pods(struct doctor *d)
{
	for (size_t i = 0; i < d->children.count; i++) {
		const struct child *child = &d->children.items[i];
		char who[DOCTOR_WHO];

		if (!child->is_found || child->is_here ||
		    child->mtu == d->parent.mtu || mtu_is_wanted(d, child->mtu))
			continue;
		doctor_found(d,
			     "%s has mtu %u, its parent %s %u: larger packets "
			     "do not reach it",
			     doctor_who(child, who), child->mtu, d->parent.name,
			     d->parent.mtu);
	}
}

int doctor_mtu(struct doctor *d, struct error *err)
{
	(void)err;
	mtu_of_pods(d);
	return 0;
}

/* --- MACs ------------------------------------------------------------------------------ */

/* Only what we made has a MAC that we know. */
static int mac_compare(struct doctor *d, const struct netlink_link *link,
		       struct error *err)
{
	char have[INET_MAC_TEXT], want[INET_MAC_TEXT];
	struct inet_mac made;
	int r;

	if (!shared_is_marked(link) || d->refused)
		return 0;
	r = shared_mac_on(&d->network->node, &d->parent, link->name, &made,
			  err);
	if (r < 0 || inet_mac_equal(&link->mac, &made))
		return r;
	inet_mac_format(&made, want);
	doctor_step(d,
		    "give it MACAddressPolicy=none in a systemd.link file, "
		    "then: ip link set %s address %s",
		    link->name, want);
	doctor_found(d,
		     "%s has MAC %s, and was made with %s: udev, or somebody, "
		     "changed it, and peers that know the old one do not reach "
		     "it",
		     link->name, inet_mac_format(&link->mac, have), want);
	return 0;
}

int doctor_mac(struct doctor *d, struct error *err)
{
	int r = 0;

	if (d->parent.is_vxlan)
		r = mac_compare(d, &d->parent, err);
	if (r == 0 && d->shim.index)
		r = mac_compare(d, &d->shim, err);
	return r;
}

/* --- ARP ------------------------------------------------------------------------------- */

/* The kernel takes the larger of "all" and the link's own. */
static int ipv4_switch(const char *ifname, const char *key, int *ret,
		       struct error *err)
{
	int all = 0, own = 0;
	int r = sysctl_get(-1, AF_INET, "all", key, &all, err);

	if (r >= 0)
		r = sysctl_get(-1, AF_INET, ifname, key, &own, err);
	*ret = all > own ? all : own;
	return r < 0 ? r : 0;
}

/* Filtering, also the loose one, takes nothing from a link without an address,
 * nor answers it (arp_process asks fib_validate_source); by experiment, 6.18. */
static int arp_answers(const char *ifname, bool *ret, struct error *err)
{
	int ignore = 0, filter = 0;
	int r = ipv4_switch(ifname, "arp_ignore", &ignore, err);

	if (r == 0)
		r = ipv4_switch(ifname, "rp_filter", &filter, err);
	*ret = ignore == 0 && filter == 0;
	return r;
}

/* A tunnel is the plugin's to keep quiet; a NIC with an address is left alone,
 * because arp_ignore would silence what is held on lo. */
int doctor_arp(struct doctor *d, struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
	bool answers = false;
	int r;

	if (migrate_encapsulates(&d->parent))
		return 0;
	r = netlink_addr_list(d->ctl->host, d->parent.index, AF_INET, &addrs,
			      err);
	if (r == 0)
		r = arp_answers(d->parent.name, &answers, err);
	if (r < 0 || addrs.count || !answers)
		return r;
	doctor_step(d, "sysctl -w net/ipv4/conf/%s/arp_ignore=1",
		    d->parent.name);
	doctor_found(d,
		     "%s has no address, and answers ARP for those of %s: two "
		     "MACs for one address",
		     d->parent.name, d->shim.name);
	return 0;
}
