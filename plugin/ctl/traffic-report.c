#include "plugin/ctl/traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Fewer frames prove nothing: the first ones to a new peer are flooded. */
#define TRAFFIC_FRAMES 100
/* Copies of a frame, in thousandths, that are no unicast any more. */
#define TRAFFIC_HUB 1500

static const char *const role_text[] = {
	[TRAFFIC_SHIM] = "shim",       [TRAFFIC_POD] = "pods",
	[TRAFFIC_PARENT] = "parent",   [TRAFFIC_UNDERLAY] = "underlay",
	[TRAFFIC_DEFAULT] = "default",
};

/* --- the table --------------------------------------------------------------------- */

static const struct ctl_column traffic_columns[] = {
	{ "role", "ROLE", CTL_TEXT },
	{ NULL, "INTERFACE", CTL_TEXT },
	{ NULL, "   TX Mb/s", CTL_TEXT },
	{ NULL, "   RX Mb/s", CTL_TEXT },
	{ NULL, "  SHARE", CTL_TEXT },
	{ NULL, "", CTL_TEXT }, /* what is to be said of it */
	{ "name", NULL, CTL_TEXT },
	{ "interfaces", NULL, CTL_NUMBER },
	{ "txBytes", NULL, CTL_NUMBER },
	{ "rxBytes", NULL, CTL_NUMBER },
	{ "txFrames", NULL, CTL_NUMBER },
	{ "rxFrames", NULL, CTL_NUMBER },
	{ "sharePercent", NULL, CTL_MILLI },
	{ "speed", NULL, CTL_NUMBER },
	{ "defaultRoute", NULL, CTL_BOOL },
	{ "reset", NULL, CTL_BOOL },
	{ NULL, NULL, CTL_TEXT },
};

static double traffic_mbits(const struct traffic *traffic, uint64_t bytes)
{
	return traffic->ms ? (double)bytes * 8 / 1000 / (double)traffic->ms : 0;
}

/* The children share what children carry, links what links do; the overlay is
 * between them. */
static uint64_t traffic_whole(const struct traffic *traffic,
			      enum traffic_role role)
{
	uint64_t whole = 0;

	for (size_t i = 0; i < traffic->count; i++) {
		const struct traffic_link *link = &traffic->links[i];
		bool is_child = link->role < TRAFFIC_PARENT;

		if (link->role == TRAFFIC_PARENT && traffic->parent.is_vxlan)
			continue;
		if (is_child == (role < TRAFFIC_PARENT))
			whole += link->sum.tx_bytes + link->sum.rx_bytes;
	}
	return whole;
}

static void traffic_note(const struct traffic *traffic,
			 const struct traffic_link *link,
			 const struct netlink_stats *sum, char *buf,
			 size_t size)
{
	uint64_t most = sum->tx_bytes > sum->rx_bytes ? sum->tx_bytes
						      : sum->rx_bytes;
	uint64_t copies = traffic_copies(traffic, false).milli;
	const char *shared = link->role == TRAFFIC_DEFAULT || !link->is_default
				     ? ""
				     : "default route, ";

	*buf = '\0';
	if (link->role < TRAFFIC_PARENT)
		return;
	if (link->role == TRAFFIC_PARENT && traffic->parent.is_vxlan) {
		if (copies && !traffic->has_addresses)
			snprintf(buf, size, "%.2f copies per frame",
				 (double)copies / 1000);
		return;
	}
	if (link->speed)
		snprintf(buf, size, "%s%.1f %% of %" PRIu32 " Mb/s", shared,
			 traffic_mbits(traffic, most) * 100 / link->speed,
			 link->speed);
	else
		snprintf(buf, size, "%sspeed unknown", shared);
}

/* @count: interfaces that the row is about. */
static void traffic_row(const struct traffic *traffic, struct ctl_table *table,
			const struct traffic_link *link,
			const struct netlink_stats *sum, size_t count)
{
	bool is_overlay = link->role == TRAFFIC_PARENT &&
			  traffic->parent.is_vxlan;
	uint64_t whole = traffic_whole(traffic, link->role);
	double share = whole ? (double)(sum->tx_bytes + sum->rx_bytes) * 100 /
				       (double)whole
			     : 0;
	char note[64];

	traffic_note(traffic, link, sum, note, sizeof(note));
	ctl_table_add(table, "%s",
		      is_overlay ? "overlay" : role_text[link->role]);
	if (link->role == TRAFFIC_POD)
		ctl_table_add(table, "%zu %-13s", count,
			      count == 1 ? "interface" : "interfaces");
	else
		ctl_table_add(table, "%-15s", link->name);
	ctl_table_add(table, "%10.1f", traffic_mbits(traffic, sum->tx_bytes));
	ctl_table_add(table, "%10.1f", traffic_mbits(traffic, sum->rx_bytes));
	if (is_overlay)
		ctl_table_add(table, "%s", "");
	else
		ctl_table_add(table, "%5.1f %%", share);
	ctl_table_add(table, "%s", note);
	ctl_table_add(table, "%s", link->role == TRAFFIC_POD ? "" : link->name);
	ctl_table_add(table, "%zu", count);
	ctl_table_add(table, "%" PRIu64, sum->tx_bytes);
	ctl_table_add(table, "%" PRIu64, sum->rx_bytes);
	ctl_table_add(table, "%" PRIu64, sum->tx_packets);
	ctl_table_add(table, "%" PRIu64, sum->rx_packets);
	if (is_overlay)
		ctl_table_add(table, "%s", "");
	else
		ctl_table_add(table, "%" PRIu64, (uint64_t)(share * 1000));
	ctl_table_add(table, "%.*" PRIu32, link->speed ? 1 : 0, link->speed);
	ctl_table_add(table, "%s", link->is_default ? "yes" : "no");
	ctl_table_add(table, "%s", link->is_reset ? "yes" : "no");
}

static void traffic_row_pods(const struct traffic *traffic,
			     struct ctl_table *table)
{
	struct netlink_stats sum = traffic_sum(traffic, TRAFFIC_POD, false);
	struct traffic_link pods = { .role = TRAFFIC_POD };
	size_t count = 0;

	for (size_t i = 0; i < traffic->count; i++) {
		if (traffic->links[i].role != TRAFFIC_POD)
			continue;
		count++;
		pods.is_reset |= traffic->links[i].is_reset;
	}
	traffic_row(traffic, table, &pods, &sum, count);
}

static int traffic_table(struct traffic *traffic, struct error *err)
{
	cleanup_ctl_table struct ctl_table table = { .columns =
							     traffic_columns };

	for (int role = TRAFFIC_SHIM; role <= TRAFFIC_DEFAULT; role++) {
		if (role == TRAFFIC_POD)
			traffic_row_pods(traffic, &table);
		for (size_t i = 0; i < traffic->count; i++) {
			const struct traffic_link *link = &traffic->links[i];

			if (role != TRAFFIC_POD && (int)link->role == role)
				traffic_row(traffic, &table, link, &link->sum,
					    1);
		}
	}
	return report_table(&traffic->ctl->report, "interfaces", &table, 0,
			    true, err);
}

/* --- copies ------------------------------------------------------------------------ */

static void traffic_tell_hub(struct traffic *traffic, uint64_t milli)
{
	const char *next = "shimctl doctor";

	if (!traffic->network->config.vxlan.learning)
		next = "set vxlan.learning to true, then: shimctl up";
	else if (!traffic->parent.vxlan.learning)
		next = "shimctl up";
	report_fail(&traffic->ctl->report, traffic->parent.name, next,
		    "sends each frame %.2f times, to %zu peers: it is a hub%s",
		    (double)milli / 1000, traffic->n_flooded,
		    traffic->parent.vxlan.learning
			    ? ", or there are pods that cannot be seen from "
			      "here"
			    : ", because learning is off");
}

static void traffic_tell_foreign(struct traffic *traffic)
{
	struct netlink_stats parent = traffic_sum(traffic, TRAFFIC_PARENT,
						  false);

	if (parent.rx_otherhost < TRAFFIC_FRAMES ||
	    parent.rx_otherhost < parent.rx_packets / 10)
		return;
	report_warn(&traffic->ctl->report, traffic->parent.name,
		    "shimctl traffic on the other nodes",
		    "%" PRIu64 " of %" PRIu64 " frames that came were for "
		    "other nodes: one of those floods",
		    parent.rx_otherhost, parent.rx_packets);
}

/* "each frame is sent once"; with what is wrong about it as a finding. */
static void traffic_copies_text(struct traffic *traffic, char *buf, size_t size)
{
	struct counters_copies copies = traffic_copies(traffic, false);

	if (!traffic->parent.is_vxlan) {
		snprintf(buf, size, "%s is no overlay: nothing is copied",
			 traffic->parent.name);
	} else if (traffic->has_addresses) {
		snprintf(buf, size,
			 "%s has an address and sends on its own: copies "
			 "cannot be told",
			 traffic->parent.name);
	} else if (copies.left < TRAFFIC_FRAMES || copies.milli == 0) {
		snprintf(buf, size,
			 "%" PRIu64 " frame%s left the node, too few to judge",
			 copies.left, copies.left == 1 ? "" : "s");
	} else if (copies.milli < TRAFFIC_HUB || traffic->n_flooded < 2) {
		snprintf(buf, size, "each frame is sent once");
	} else {
		snprintf(buf, size, "each frame is sent %.2f times",
			 (double)copies.milli / 1000);
		traffic_tell_hub(traffic, copies.milli);
	}
	traffic_tell_foreign(traffic);
}

/* --- the default route ------------------------------------------------------------- */

static void traffic_default_text(const struct traffic *traffic, char *buf,
				 size_t size)
{
	const char *gate = NULL;

	for (size_t i = 0; i < traffic->count; i++) {
		const struct traffic_link *link = &traffic->links[i];

		if (link->is_default && traffic_is_link(traffic, link)) {
			snprintf(buf, size,
				 "storage shares %s with the default route",
				 link->name);
			return;
		}
		if (link->role == TRAFFIC_DEFAULT)
			gate = link->name;
	}
	if (gate)
		snprintf(buf, size,
			 "storage stays off the default-route interface %s",
			 gate);
	else
		snprintf(buf, size, "there is no default route");
}

/* --- all of it ----------------------------------------------------------------------- */

static void traffic_head(struct traffic *traffic)
{
	struct report *report = &traffic->ctl->report;
	const struct network *network = traffic->network;
	time_t now = time(NULL);
	char at[32] = "";
	struct tm tm;

	if (traffic->ctl->watch && gmtime_r(&now, &tm))
		strftime(at, sizeof(at), "%FT%TZ", &tm);
	report_line(report, "%s%s%s on %s, %.1f s", at, *at ? "  " : "",
		    network->config.name, network->node.name,
		    (double)traffic->ms / 1000);
	report_string(report, "network", network->config.name);
	report_string(report, "node", network->node.name);
	if (*at)
		report_string(report, "at", at);
	report_milli(report, "seconds", traffic->ms);
}

static void traffic_verdict(struct traffic *traffic)
{
	struct report *report = &traffic->ctl->report;
	struct counters_copies copies = traffic_copies(traffic, false);
	struct netlink_stats parent = traffic_sum(traffic, TRAFFIC_PARENT,
						  false);
	char sent[128], shared[96];

	traffic_copies_text(traffic, sent, sizeof(sent));
	traffic_default_text(traffic, shared, sizeof(shared));
	report_line(report, "%s; %s", sent, shared);
	report_uint(report, "framesLocal", copies.local);
	report_uint(report, "framesLeft", copies.left);
	report_uint(report, "framesForeign", parent.rx_otherhost);
	if (traffic->parent.is_vxlan && copies.milli && !traffic->has_addresses)
		report_milli(report, "copiesPerFrame", copies.milli);
	else
		report_string(report, "copiesPerFrame", NULL);
	report_string(report, "copies", sent);
	report_string(report, "defaultRoute", shared);
}

static int traffic_found(struct traffic *traffic, struct error *err)
{
	int r;

	traffic_head(traffic);
	r = traffic_table(traffic, err);
	if (r < 0)
		return r;
	traffic_verdict(traffic);
	r = traffic->ctl->threshold ? traffic_threshold(traffic, err) : CTL_OK;
	if (traffic->ctl->watch)
		report_line(&traffic->ctl->report, "%s", "");
	return r;
}

int traffic_report(struct traffic *traffic, struct error *err)
{
	struct report *report = &traffic->ctl->report;
	const struct config *config = &traffic->network->config;
	int r;

	if (config->link_in_container)
		return CTL_OK;
	if (traffic->parent.index == 0) {
		report_fail(report, config->name, "shimctl up",
			    "%s does not exist", config->master);
		return CTL_CANNOT;
	}
	report_object(report, NULL);
	r = traffic_found(traffic, err);
	report_end(report);
	return r;
}
