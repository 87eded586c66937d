#include "plugin/ctl/doctor.h"

#include "lib/file.h"
#include "plugin/ctl/nft.h"
#include "plugin/ctl/ruleset.h"

#include <string.h>

/*
 * Does a packet filter of this node drop the tunnel? Rules can be read, and
 * followed for one packet to and from each peer; where that does not say for
 * sure, nothing is said, and "shimctl verify" asks the network.
 *
 * nft takes a second for some ten thousand rules, and most of those are of tables
 * that drop nothing (kube-proxy's "nat"): only tables are listed that filter.
 */

#define FIREWALL_TIMEOUT 5000 /* ms */
#define FIREWALL_TABLES  64 /* more are not looked at */

struct firewall {
	struct json *json[FIREWALL_TABLES];
	struct ruleset *tables[FIREWALL_TABLES];
	size_t count;
};

static void firewall_clear(struct firewall *firewall)
{
	for (size_t i = 0; i < firewall->count; i++) {
		ruleset_close(firewall->tables[i]);
		json_free(firewall->json[i]);
	}
}
#define cleanup_firewall cleanup(firewall_clear)

/* --- the rules -------------------------------------------------------------- */

/* Return: 0, also for what nft does not tell (@ret_why), or negative */
static int firewall_list(const char *path, const char *const *words,
			 uint64_t deadline, struct firewall *firewall,
			 const char **ret_why, struct error *err)
{
	size_t n = firewall->count;
	int r;

	*ret_why = nft_list(path, words, deadline, &firewall->json[n]);
	if (*ret_why || !firewall->json[n])
		return 0;
	r = ruleset_open(firewall->json[n], &firewall->tables[n], err);
	if (r < 0)
		firewall->json[n] = json_free(firewall->json[n]);
	else
		firewall->count++;
	return r;
}

static int firewall_read(const char *path, struct firewall *ret,
			 const char **ret_why, struct error *err)
{
	uint64_t deadline = file_boottime_ms() + FIREWALL_TIMEOUT;
	const char *const chains[] = { "chains", NULL };
	cleanup_firewall struct firewall all = { 0 };
	const char *words[] = { "table", NULL, NULL, NULL };
	int r = firewall_list(path, chains, deadline, &all, ret_why, err);

	for (size_t i = 0;
	     r == 0 && !*ret_why && all.count && i < FIREWALL_TABLES &&
	     ruleset_filters(all.tables[0], i, &words[1], &words[2]);
	     i++)
		r = firewall_list(path, words, deadline, ret, ret_why, err);
	return r;
}

/* --- the tunnel ----------------------------------------------------------------------------- */

static enum ruleset_verdict firewall_judge(const struct firewall *firewall,
					   const struct ruleset_packet *packet,
					   char where[static RULESET_WHERE],
					   char step[static RULESET_WHERE])
{
	for (size_t i = 0; i < firewall->count; i++)
		if (ruleset_judge(firewall->tables[i], packet, where, step) ==
		    RULESET_DROPS)
			return RULESET_DROPS;
	return RULESET_PASSES;
}

static int firewall_way(struct doctor *d, const struct firewall *firewall,
			const struct inet_addr *peer, bool is_out,
			struct error *err)
{
	struct ruleset_packet packet = { .port = d->parent.vxlan.port,
					 .is_out = is_out };
	char where[RULESET_WHERE], step[RULESET_WHERE], who[DOCTOR_WHO];
	struct netlink_route route = { 0 };
	struct netlink_link link;
	int r;

	r = netlink_route_get(d->ctl->host, peer, &route, err);
	if (r == 0)
		r = netlink_link_get_index(d->ctl->host, route.index, &link,
					   err);
	if (r != 0)
		return r < 0 ? r : 0; /* no way there: another check tells */
	packet.link = link.name;
	packet.source = is_out ? d->parent.vxlan.local : *peer;
	packet.destination = is_out ? *peer : d->parent.vxlan.local;
	if (firewall_judge(firewall, &packet, where, step) == RULESET_PASSES)
		return 0;
	doctor_peer_who(d, peer, who);
	doctor_step(d, "%s", step);
	doctor_found(d, "%s drops UDP port %u %s %s over %s: the tunnel of %s",
		     where, packet.port, is_out ? "to" : "from", who, link.name,
		     d->parent.name);
	return 0;
}

static int firewall_look(struct doctor *d, const struct firewall *firewall,
			 struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < d->peers.count && r == 0; i++) {
		const struct inet_addr *peer = &d->peers.items[i].vtep;

		if (peer->family != d->parent.vxlan.local.family ||
		    inet_addr_equal(peer, &d->parent.vxlan.local))
			continue;
		r = firewall_way(d, firewall, peer, false, err);
		if (r == 0)
			r = firewall_way(d, firewall, peer, true, err);
	}
	return r;
}

int doctor_firewall(struct doctor *d, struct error *err)
{
	cleanup_firewall struct firewall firewall = { 0 };
	const char *why = "nft is not installed";
	const char *path = nft_path();
	int r = 0;

	if (d->peers.count == 0)
		return 0;
	if (path)
		r = firewall_read(path, &firewall, &why, err);
	if (r < 0)
		return r;
	if (why)
		doctor_skip(d, "%s: rules that drop UDP port %u are not seen",
			    why, d->parent.vxlan.port);
	return firewall_look(d, &firewall, err);
}
