#include "plugin/ctl/verify.h"

#include <inttypes.h>
#include <stdio.h>

/*
 * A line for each node to which legs lead, and below it the legs that failed:
 * with 8 nodes and 20 pods there are hundreds. JSON has them all, and so has -v.
 */

static const struct ctl_column leg_columns[] = {
	{ "from", "FROM", CTL_TEXT },
	{ "fromName", "", CTL_TEXT },
	{ "to", "TO", CTL_TEXT },
	{ "toName", "", CTL_TEXT },
	{ "node", NULL, CTL_TEXT },
	{ "address", "ADDRESS", CTL_TEXT },
	{ "size", "BYTES", CTL_NUMBER },
	{ "sent", NULL, CTL_NUMBER },
	{ "received", NULL, CTL_NUMBER },
	{ NULL, "RESULT", CTL_TEXT },
	{ NULL, "MIN/AVG/MAX ms", CTL_TEXT },
	{ "minUs", NULL, CTL_NUMBER },
	{ "avgUs", NULL, CTL_NUMBER },
	{ "maxUs", NULL, CTL_NUMBER },
	{ NULL, NULL, CTL_TEXT },
};

/* --- legs ------------------------------------------------------------------------- */

static const char *place_text(enum verify_place place)
{
	switch (place) {
	case VERIFY_LOCAL_HOST:
		return "local host";
	case VERIFY_LOCAL_POD:
		return "local pod";
	case VERIFY_REMOTE_HOST:
		return "remote host";
	case VERIFY_REMOTE_POD:
		return "remote pod";
	}
	return "";
}

static uint64_t average_us(const struct echo *echo)
{
	return echo->received ? echo->sum_us / echo->received : 0;
}

void verify_add_ends(struct ctl_table *table, const struct verify *v,
		     const struct verify_leg *leg)
{
	const struct child *from = leg->from->child;
	char addr[INET_ADDR_TEXT];

	ctl_table_add(table, "%s",
		      place_text(from ? VERIFY_LOCAL_POD : VERIFY_LOCAL_HOST));
	ctl_table_add(table, "%s", from ? from->owner : v->network->node.name);
	ctl_table_add(table, "%s", place_text(leg->to->place));
	ctl_table_add(table, "%s",
		      *leg->to->name ? leg->to->name
				     : verify_node_name(v, leg->to->node));
	ctl_table_add(table, "%s", verify_node_name(v, leg->to->node));
	ctl_table_add(table, "%s", inet_addr_format(&leg->to->addr, addr));
}

static void add_leg(struct ctl_table *table, const struct verify *v,
		    const struct verify_leg *leg, enum verify_size size)
{
	const struct echo *echo = &leg->echo[size];
	uint64_t avg = average_us(echo);

	verify_add_ends(table, v, leg);
	ctl_table_add(table, "%u", echo->size ? echo->size : ECHO_SMALL);
	ctl_table_add(table, "%u", echo->sent);
	ctl_table_add(table, "%u", echo->received);
	if (echo->received == echo->sent)
		ctl_table_add(table, "ok");
	else
		ctl_table_add(table, "FAIL %u/%u lost",
			      echo->sent - echo->received, echo->sent);
	if (echo->received)
		ctl_table_add(table, "%.3f/%.3f/%.3f", echo->min_us / 1000.0,
			      (double)avg / 1000.0, echo->max_us / 1000.0);
	else
		ctl_table_add(table, "%s", "");
	ctl_table_add(table, "%u", echo->min_us);
	ctl_table_add(table, "%" PRIu64, avg);
	ctl_table_add(table, "%u", echo->max_us);
}

static int report_legs(struct verify *v, struct error *err)
{
	struct report *report = &v->ctl->report;
	cleanup_ctl_table struct ctl_table table = { .columns = leg_columns };
	bool is_all = v->ctl->verbose || report->form == REPORT_JSON;

	for (size_t i = 0; i < v->n_legs; i++)
		for (enum verify_size size = 0; size < VERIFY_SIZES; size++) {
			const struct verify_leg *leg = &v->legs[i];

			if (leg->echo[size].sent &&
			    (is_all || verify_is_lost(leg, size)))
				add_leg(&table, v, leg, size);
		}
	return report_table(report, "legs", &table, 0, true, err);
}

/* --- the matrix ------------------------------------------------------------------- */

/* Legs of one kind to one node. */
struct cell {
	size_t asked;
	size_t ok;
	uint64_t sum_us;
};

static bool is_host(enum verify_place place)
{
	return place == VERIFY_LOCAL_HOST || place == VERIFY_REMOTE_HOST;
}

static void add_to_cell(struct cell *cell, const struct verify_leg *leg,
			enum verify_size size)
{
	if (!leg->echo[size].sent)
		return;
	cell->asked++;
	if (verify_is_lost(leg, size))
		return;
	cell->ok++;
	cell->sum_us += average_us(&leg->echo[size]);
}

static struct cell count_cell(const struct verify *v, size_t node,
			      bool from_host, bool to_host)
{
	struct cell cell = { 0 };

	for (size_t i = 0; i < v->n_legs; i++) {
		const struct verify_leg *leg = &v->legs[i];

		if (leg->to->node == node && !leg->from->child == from_host &&
		    is_host(leg->to->place) == to_host)
			add_to_cell(&cell, leg, VERIFY_SMALL);
	}
	return cell;
}

static struct cell count_full(const struct verify *v, size_t node)
{
	struct cell cell = { 0 };

	for (size_t i = 0; i < v->n_legs; i++)
		if (v->legs[i].to->node == node)
			add_to_cell(&cell, &v->legs[i], VERIFY_FULL);
	return cell;
}

static void add_cell(struct ctl_table *table, const struct cell *cell)
{
	if (!cell->asked)
		ctl_table_add(table, "%s", "");
	else if (cell->ok < cell->asked)
		ctl_table_add(table, "FAIL %zu/%zu", cell->ok, cell->asked);
	else
		ctl_table_add(table, "ok %zu/%zu %.3f ms", cell->ok,
			      cell->asked,
			      (double)cell->sum_us / (double)cell->ok / 1000);
}

static void add_full(struct ctl_table *table, const struct cell *cell)
{
	if (!cell->asked)
		ctl_table_add(table, "%s", "");
	else
		ctl_table_add(table, "%s %zu/%zu",
			      cell->ok < cell->asked ? "FAIL" : "ok", cell->ok,
			      cell->asked);
}

static void add_tcp(struct ctl_table *table, const struct verify *v,
		    size_t node)
{
	size_t asked = 0, failed = 0, refused = 0;
	uint64_t bytes = 0;

	for (size_t i = 0; i < v->n_legs; i++) {
		const struct verify_leg *leg = &v->legs[i];

		if (leg->to->node != node || !leg->has_tcp)
			continue;
		asked++;
		failed += verify_tcp_failed(leg);
		refused += leg->tcp.state == TRANSFER_REFUSED;
		bytes += leg->tcp.sent + leg->tcp.received;
	}
	if (!asked)
		ctl_table_add(table, "%s", "");
	else if (failed)
		ctl_table_add(table, "FAIL %zu/%zu", asked - failed, asked);
	else if (refused)
		ctl_table_add(table, "handshake %zu/%zu", asked, asked);
	else
		ctl_table_add(table, "ok %zu/%zu %" PRIu64 " MiB", asked, asked,
			      bytes >> 20);
}

static bool is_reached(const struct verify *v, size_t node)
{
	for (size_t i = 0; i < v->n_legs; i++)
		if (v->legs[i].to->node == node)
			return true;
	return false;
}

static void add_node_row(struct ctl_table *table, const struct verify *v,
			 size_t node)
{
	struct cell full = count_full(v, node);

	ctl_table_add(table, "%s", verify_node_name(v, node));
	for (int from_host = 1; from_host >= 0; from_host--)
		for (int to_host = 0; to_host <= 1; to_host++) {
			struct cell cell = count_cell(v, node, from_host,
						      to_host);

			add_cell(table, &cell);
		}
	add_full(table, &full);
	add_tcp(table, v, node);
}

static int report_matrix(struct verify *v, struct error *err)
{
	struct report *report = &v->ctl->report;
	const struct ctl_column columns[] = {
		{ "node", "TO", CTL_TEXT },
		{ "hostToPod", "HOST -> POD", CTL_TEXT },
		{ "hostToHost", "HOST -> HOST", CTL_TEXT },
		{ "podToPod", "POD -> POD", CTL_TEXT },
		{ "podToHost", "POD -> HOST", CTL_TEXT },
		{ "mtu", v->ctl->mtu ? "MTU" : NULL, CTL_TEXT },
		{ "tcp", v->ctl->tcp ? "TCP" : NULL, CTL_TEXT },
		{ NULL, NULL, CTL_TEXT },
	};
	cleanup_ctl_table struct ctl_table table = { .columns = columns };

	if (report->form != REPORT_TEXT)
		return 0;
	for (size_t i = 0; i < v->n_nodes; i++)
		if (is_reached(v, i))
			add_node_row(&table, v, i);
	return report_table(report, NULL, &table, 0, true, err);
}

/* --- the verdict ------------------------------------------------------------------ */

/* All legs to a node, or all that leave this one, are broken. */
static bool is_tunnel_broken(const struct verify *v)
{
	bool is_any = false;

	for (size_t node = 1; node < v->n_nodes; node++) {
		size_t asked = 0, broken = 0;

		for (size_t i = 0; i < v->n_legs; i++) {
			const struct verify_leg *leg = &v->legs[i];

			if (leg->to->node != node || !verify_is_remote(leg))
				continue;
			asked++;
			broken += verify_is_broken(leg);
		}
		if (asked && asked == broken && !verify_is_elsewhere(v, node))
			return true;
		is_any |= broken < asked;
	}
	return !is_any;
}

static void report_verdict(struct verify *v)
{
	struct report *report = &v->ctl->report;
	size_t local = verify_lost(v, false);
	size_t remote = verify_lost(v, true);
	const char *text = "";

	if (local && remote)
		text = ": within this node and between nodes";
	else if (local)
		text = ": the tunnel is fine, this node's own are not";
	else if (remote && is_tunnel_broken(v))
		text = ": this node's own are fine, the tunnel is not";
	else if (remote)
		text = ": this node's own are fine, and the tunnel is, but not "
		       "what is at its other end";
	report_line(report, "%s on %s: %zu of %zu legs failed%s%s",
		    v->network->config.name, v->network->node.name,
		    local + remote, v->n_legs, text,
		    v->is_sampled ? " (each pod was asked by one pod)" : "");
	report_uint(report, "asked", v->n_legs);
	report_uint(report, "failedLocal", local);
	report_uint(report, "failedRemote", remote);
}

int verify_report(struct verify *v, struct error *err)
{
	int r = report_matrix(v, err);

	if (r == 0)
		r = report_legs(v, err);
	if (r == 0)
		r = verify_tcp_report(v, err);
	if (r == 0)
		report_verdict(v);
	return r;
}
