#include "plugin/ctl/peers.h"
#include "plugin/ctl/verify.h"

#include <stdio.h>

/*
 * A MAC that was behind one node and is now behind another. The overlay learns
 * its new tunnel end from the first frame, and keeps the route to the old one,
 * which it has cached with the entry, for each CPU: packets bear the new node's
 * address and leave over the old one's link (drivers/net/vxlan, vxlan_snoop()
 * leaves the dst_cache alone). Broadcasts find the pod, so it answers ARP, and
 * gets nothing else. Where all nodes are behind one link nothing is lost.
 *
 * Counters tell: what is sent to such a pod moves another link than the route
 * to its node says.
 */

#define MOVED_TRIES   3
#define MOVED_COUNT   32 /* packets whose way is counted */
#define MOVED_LIMIT   (MOVED_COUNT / 8) /* a quiet link moves no more */
#define MOVED_TARGETS 8 /* of a node; more are not looked at */

static bool is_mostly(uint64_t frames)
{
	return frames >= MOVED_COUNT - MOVED_LIMIT &&
	       frames <= MOVED_COUNT + MOVED_LIMIT;
}

/* The peer over whose link those frames went, if it is another than @peer's. */
static const struct peer *other_way(const struct peers *peers,
				    const struct peer *peer,
				    const uint64_t *sent)
{
	const struct peer *by = NULL;

	for (size_t i = 0; i < peers->count; i++) {
		if (peers->items[i].link == peer->link && sent[i] > MOVED_LIMIT)
			return NULL;
		if (!by && peers->items[i].link && is_mostly(sent[i]))
			by = &peers->items[i];
	}
	return by;
}

/* @ret: where what goes along @leg leaves each time, NULL: as it should */
static int find_way(struct verify *v, const struct peers *peers,
		    const struct peer *peer, const struct verify_leg *leg,
		    const struct peer **ret, struct error *err)
{
	cleanup_free int *links = calloc(peers->count, sizeof(*links));
	cleanup_free uint64_t *sent = calloc(peers->count, sizeof(*sent));
	int r = 0;

	if (!links || !sent)
		return error_oom(err);
	for (size_t i = 0; i < peers->count; i++)
		links[i] = peers->items[i].link;
	for (int i = 0; i < MOVED_TRIES && r == 0; i++) {
		const struct peer *last = *ret;

		r = verify_count(v, leg, MOVED_COUNT, links, peers->count, sent,
				 err);
		*ret = r == 0 ? other_way(peers, peer, sent) : NULL;
		if (!*ret || (last && last->link != (*ret)->link)) {
			*ret = NULL;
			break;
		}
	}
	return r;
}

static void say_moved(struct verify *v, const struct verify_target *to,
		      const struct inet_mac *mac, const struct peer *peer,
		      const struct peer *by)
{
	char addr[INET_ADDR_TEXT], vtep[INET_ADDR_TEXT], text[INET_MAC_TEXT];
	char next[128];

	snprintf(next, sizeof(next), "bridge fdb del %s dev %s dst %s",
		 inet_mac_format(mac, text), v->parent.name,
		 inet_addr_format(&peer->vtep, vtep));
	report_fail(&v->ctl->report, v->network->config.name, next,
		    "packets to %s leave %s, though it is behind %s (%s %s): "
		    "its MAC was behind another node before, and the overlay "
		    "kept the route to that one",
		    inet_addr_format(&to->addr, addr), by->route,
		    verify_node_name(v, to->node), vtep, peer->route);
	for (size_t i = 0; i < v->n_legs; i++)
		if (v->legs[i].to == to)
			v->legs[i].is_explained = true;
}

static bool has_other_link(const struct peers *peers, const struct peer *peer)
{
	for (size_t i = 0; i < peers->count; i++)
		if (peers->items[i].link && peer->link &&
		    peers->items[i].link != peer->link)
			return true;
	return false;
}

int verify_moved(struct verify *v, const struct peers *peers,
		 const struct peer *peer, size_t node, struct error *err)
{
	size_t n_looked = 0;

	if (!has_other_link(peers, peer))
		return 0;
	for (size_t i = 0; i < v->n_legs && n_looked < MOVED_TARGETS; i++) {
		const struct verify_leg *leg = &v->legs[i];
		const struct sweep_answer *answer;
		const struct peer *by = NULL;
		int r;

		if (leg->to->place != VERIFY_REMOTE_POD ||
		    leg->to->node != node || !verify_is_open(leg, VERIFY_SMALL))
			continue;
		answer = verify_answer(v, &leg->to->addr);
		if (!answer)
			continue;
		n_looked++;
		r = find_way(v, peers, peer, leg, &by, err);
		if (r < 0)
			return r;
		if (by)
			say_moved(v, leg->to, &answer->mac, peer, by);
	}
	return 0;
}
