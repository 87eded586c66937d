#include "plugin/ctl/verify.h"

#include <inttypes.h>
#include <stdio.h>

/*
 * Transfers. On this node both ends are ours, sockets in two namespaces. On
 * another one somebody has to serve (shimctl verify --serve there); where nobody
 * does, a kernel refuses the connection, and the handshake is what is proved:
 * small segments with their checksums, both ways. That is told as what it is.
 */

#define TCP_BYTES ((uint64_t)1 << 20) /* each way */
#define TCP_TIMEOUT_MS                                                         \
	3500 /* the first segment is repeated after 1 s and 3 s */

bool verify_tcp_failed(const struct verify_leg *leg)
{
	if (!leg->has_tcp || leg->tcp.state == TRANSFER_OK)
		return false;
	return leg->tcp.state != TRANSFER_REFUSED || leg->tcp.is_ours;
}

/* --- running ---------------------------------------------------------------------- */

/* Return: false if its end cannot be entered */
static bool find_end(const struct verify *v, const struct verify_leg *leg,
		     struct transfer *ret)
{
	*ret = (struct transfer){ .from = leg->from->netns,
				  .to = leg->to->addr,
				  .is_ours = !verify_is_remote(leg),
				  .to_netns = -1 };
	if (leg->to->place != VERIFY_LOCAL_POD)
		return true;
	for (size_t i = 0; i < v->n_sources; i++)
		if (v->sources[i].child == leg->to->child) {
			ret->to_netns = v->sources[i].netns;
			return true;
		}
	return false;
}

int verify_tcp(struct verify *v, struct error *err)
{
	const struct transfer_plan plan = { .bytes = TCP_BYTES,
					    .timeout_ms = TCP_TIMEOUT_MS,
					    .port = TRANSFER_PORT };
	cleanup_free struct transfer *items = calloc(v->n_legs + 1,
						     sizeof(*items));
	size_t n = 0;
	int r;

	if (!v->ctl->tcp)
		return 0;
	if (!items)
		return error_oom(err);
	for (size_t i = 0; i < v->n_legs; i++) {
		struct verify_leg *leg = &v->legs[i];

		leg->has_tcp = !verify_is_lost(leg, VERIFY_SMALL) &&
			       find_end(v, leg, &items[n]);
		n += leg->has_tcp;
	}
	r = transfer_run(&plan, items, n, err);
	n = 0;
	for (size_t i = 0; i < v->n_legs && r == 0; i++)
		if (v->legs[i].has_tcp)
			v->legs[i].tcp = items[n++];
	return r;
}

/* --- findings --------------------------------------------------------------------- */

static const char *state_text(enum transfer_state state)
{
	switch (state) {
	case TRANSFER_OK:
		return "ok";
	case TRANSFER_REFUSED:
		return "refused";
	case TRANSFER_SILENT:
		return "silent";
	case TRANSFER_STALLED:
		return "stalled";
	case TRANSFER_SPOILT:
		return "spoilt";
	case TRANSFER_CUT:
		return "cut";
	}
	return "";
}

static void say_state(struct verify *v, const struct verify_leg *leg, size_t n)
{
	struct report *report = &v->ctl->report;
	const struct transfer *tcp = &leg->tcp;
	const char *name = v->network->config.name;
	char where[128], addr[INET_ADDR_TEXT];

	inet_addr_format(&leg->to->addr, addr);
	snprintf(where, sizeof(where), "%zu leg%s %s%s, %s first", n,
		 n == 1 ? "" : "s", verify_is_remote(leg) ? "to " : "",
		 verify_is_remote(leg) ? verify_node_name(v, leg->to->node)
				       : "within this node",
		 addr);
	switch (tcp->state) {
	case TRANSFER_OK:
		break;
	case TRANSFER_REFUSED:
	case TRANSFER_SILENT:
		report_fail(report, name,
			    "look at firewalls; else, on both ends: ethtool -K "
			    "LINK tx-checksum-ip-generic off",
			    "TCP gets no answer where ping does (%s): a "
			    "firewall, or an offload that spoils checksums",
			    where);
		break;
	case TRANSFER_STALLED:
		report_fail(report, name,
			    "shimctl verify --mtu; else, on both ends: ethtool "
			    "-K LINK tx off gso off",
			    "TCP stops after %" PRIu64 " of %" PRIu64
			    " bytes where ping passes (%s): large segments or "
			    "their checksums are lost",
			    tcp->received < tcp->sent ? tcp->received
						      : tcp->sent,
			    TCP_BYTES, where);
		break;
	case TRANSFER_SPOILT:
		report_fail(report, name,
			    "on both ends: ethtool -K LINK rx off tx off, and "
			    "again; then change the link, or its memory",
			    "data is not what was sent, from byte %" PRIu64
			    " on, and TCP does not notice (%s)",
			    tcp->spoilt_at, where);
		break;
	case TRANSFER_CUT:
		report_fail(report, name, "look at firewalls on the way",
			    "a transfer is cut after %" PRIu64 " bytes (%s)",
			    tcp->received, where);
		break;
	}
}

static bool is_alike(const struct verify_leg *a, const struct verify_leg *b)
{
	return verify_tcp_failed(a) && verify_tcp_failed(b) &&
	       a->tcp.state == b->tcp.state && a->to->node == b->to->node;
}

/* Legs that fail in the same way are told together. */
void verify_tcp_causes(struct verify *v)
{
	for (size_t i = 0; i < v->n_legs; i++) {
		const struct verify_leg *leg = &v->legs[i];
		bool is_first = verify_tcp_failed(leg);
		size_t n = 0;

		for (size_t j = 0; j < v->n_legs; j++) {
			if (!is_alike(leg, &v->legs[j]))
				continue;
			is_first &= j >= i;
			n++;
		}
		if (is_first)
			say_state(v, leg, n);
	}
}

/* --- the table -------------------------------------------------------------------- */

static const struct ctl_column tcp_columns[] = {
	{ "from", "FROM", CTL_TEXT },
	{ "fromName", "", CTL_TEXT },
	{ "to", "TO", CTL_TEXT },
	{ "toName", "", CTL_TEXT },
	{ "node", NULL, CTL_TEXT },
	{ "address", "ADDRESS", CTL_TEXT },
	{ "result", "TCP", CTL_TEXT },
	{ "sent", "SENT", CTL_NUMBER },
	{ "received", "RECEIVED", CTL_NUMBER },
	{ "us", "us", CTL_NUMBER },
	{ "retransmitted", "REPEATED", CTL_NUMBER },
	{ NULL, NULL, CTL_TEXT },
};

static bool is_hinted(const struct verify *v)
{
	for (size_t i = 0; i < v->n_legs; i++)
		if (v->legs[i].has_tcp &&
		    v->legs[i].tcp.state == TRANSFER_REFUSED)
			return true;
	return false;
}

int verify_tcp_report(struct verify *v, struct error *err)
{
	struct report *report = &v->ctl->report;
	cleanup_ctl_table struct ctl_table table = { .columns = tcp_columns };
	bool is_all = v->ctl->verbose || report->form == REPORT_JSON;

	if (!v->ctl->tcp)
		return 0;
	for (size_t i = 0; i < v->n_legs; i++) {
		const struct verify_leg *leg = &v->legs[i];
		const struct transfer *tcp = &leg->tcp;

		if (!leg->has_tcp || (!is_all && !verify_tcp_failed(leg)))
			continue;
		verify_add_ends(&table, v, leg);
		ctl_table_add(&table, "%s", state_text(tcp->state));
		ctl_table_add(&table, "%" PRIu64, tcp->sent);
		ctl_table_add(&table, "%" PRIu64, tcp->received);
		ctl_table_add(&table, "%u", tcp->us);
		ctl_table_add(&table, "%u", tcp->retransmitted);
	}
	if (is_hinted(v))
		report_line(report,
			    "handshake: for data, run there: shimctl verify "
			    "--serve");
	return report_table(report, "transfers", &table, 0, true, err);
}
