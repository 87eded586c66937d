#include "plugin/ctl/doctor.h"

#include "lib/file.h"
#include "lib/netns.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * What the kernel has counted. Counters run since the boot, so that what is
 * found may be over; one in ten thousand is the weather, and is not told.
 */

#define COUNT_MANY(bad, all) ((bad) > 0 && (bad) >= (all) / 10000)
#define SNMP_MAX             (64 * 1024)

/* --- wrong checksums --------------------------------------------------------------------- */

/* Behind the blank at or after @text, in the same line; or NULL. */
static const char *snmp_next(const char *text)
{
	text += strcspn(text, " \n");
	return *text == ' ' ? text + 1 : NULL;
}

/* Value of column @key in the pair of lines "Udp: InDatagrams ...", "Udp: 7 ..."
 * (proc_net(5)); 0 if there is none. */
static uint64_t snmp_get(const char *text, const char *prefix, const char *key)
{
	const char *names = strstr(text, prefix);
	const char *values = names ? strstr(names + 1, prefix) : NULL;
	size_t len = strlen(key);

	if (!values)
		return 0;
	names++;
	values++;
	while ((names = snmp_next(names)) && (values = snmp_next(values)))
		if (strncmp(names, key, len) == 0 &&
		    (names[len] == ' ' || names[len] == '\n'))
			return strtoumax(values, NULL, 10);
	return 0;
}

static int snmp_read(void *arg, struct error *err)
{
	char **text = arg;
	int r = file_read("/proc/thread-self/net/snmp", SNMP_MAX, text, NULL,
			  err);

	return r < 0 ? r : 0;
}

static const struct {
	const char *prefix;
	const char *received;
	const char *word;
} snmp_protocols[] = {
	{ "\nUdp:", "InDatagrams", "UDP datagrams" },
	{ "\nTcp:", "InSegs", "TCP segments" },
};

/* What is inside the tunnel is TCP of a pod; the tunnel is UDP of the host. */
static void snmp_look(struct doctor *d, const char *text, const char *who)
{
	for (size_t i = 0; i < ARRAY_SIZE(snmp_protocols); i++) {
		uint64_t bad = snmp_get(text, snmp_protocols[i].prefix,
					"InCsumErrors");
		uint64_t all = bad + snmp_get(text, snmp_protocols[i].prefix,
					      snmp_protocols[i].received);

		if (COUNT_MANY(bad, all))
			doctor_found(d,
				     "%" PRIu64 " of %" PRIu64
				     " %s came to %s with a wrong checksum: "
				     "ping works, and data stalls",
				     bad, all, snmp_protocols[i].word, who);
	}
}

static int checksum_look(struct doctor *d, int netns, const char *who,
			 struct error *err)
{
	cleanup_free char *text = NULL;
	int r = netns_run(netns, snmp_read, &text, err);

	if (r == 0 && text)
		snmp_look(d, text, who);
	return r;
}

int doctor_checksum(struct doctor *d, struct error *err)
{
	int r = checksum_look(d, -1, "this node", err);

	for (size_t i = 0; i < d->children.count && r == 0; i++) {
		const struct child *child = &d->children.items[i];
		struct error gone = { 0 };
		cleanup_close int netns = -1;
		char who[DOCTOR_WHO];

		if (child->is_here || !child->path ||
		    netns_open(child->path, &netns, &gone) != 0)
			continue;
		r = checksum_look(d, netns, doctor_who(child, who), err);
	}
	return r;
}

/* --- broadcasts ---------------------------------------------------------------------------- */

/* The queue of broadcasts to the children is the parent's, and what does not fit
 * is counted nowhere but there (drivers/net/macvlan.c, macvlan_broadcast_enqueue).
 * A NIC counts frames that nobody wanted (LLDP, STP) in the same place. */
int doctor_broadcast(struct doctor *d, struct error *err)
{
	struct netlink_stats stats;
	uint32_t queue = d->shim.macvlan.bc_queue_used;
	int r;

	r = netlink_stats_get(d->ctl->host, d->parent.index, &stats, err);
	if (r != 0 || !COUNT_MANY(stats.rx_dropped, stats.rx_packets))
		return r < 0 ? r : 0;
	doctor_step(d,
		    "set bcqueuelen to %u or more, then: shimctl up; and look "
		    "who sends so many",
		    queue < 1000 ? 1000 : queue * 10);
	doctor_found(d,
		     "%s has dropped %" PRIu64 " of %" PRIu64
		     " frames that arrived: broadcasts to its %zu children go "
		     "through a queue of %u (bcqueuelen)",
		     d->parent.name, stats.rx_dropped,
		     stats.rx_packets + stats.rx_dropped, d->children.count,
		     queue ? queue : 1000);
	return 0;
}
