#include "lib/netns.h"
#include "plugin/ctl/children.h"
#include "plugin/ctl/ipam-priv.h"
#include "plugin/reclaim.h"

#include <string.h>
#include <sys/socket.h>

/* The store against the kernel, in both directions: what is recorded is borne,
 * and what is borne is recorded. */

static bool bears(const struct netlink_addrs *addrs,
		  const struct store_address *address)
{
	for (size_t i = 0; i < addrs->count; i++)
		if (inet_addr_equal(&addrs->items[i].address.addr,
				    &address->address.addr))
			return true;
	return false;
}

/* The interface is there: has it what is recorded? */
static int check_addresses(struct book *book, const struct store_record *record,
			   const char *owner, struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
	cleanup_netlink struct netlink *nl = NULL;
	cleanup_close int netns = -1;
	struct netlink_link link;
	int r;

	r = netns_open(record->netns, &netns, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = netlink_open(netns, &nl, err);
	if (r < 0)
		return r;
	r = netlink_link_get(nl, record->ifname, &link, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = netlink_addr_list(nl, link.index, AF_UNSPEC, &addrs, err);
	for (size_t i = 0; i < record->n_addresses && r == 0; i++) {
		char text[INET_ADDR_TEXT];

		if (bears(&addrs, &record->addresses[i]))
			continue;
		inet_addr_format(&record->addresses[i].address.addr, text);
		report_fail(&book->ctl->report, text, "restart the pod",
			    "is reserved for %s of %s, which does not bear it",
			    record->ifname, owner);
	}
	return r;
}

/* A pod that was added or deleted while we looked differs, and is no fault: what
 * was found is compared with the records as they are behind it. */
static bool is_recorded_still(const struct store_records *now,
			      const struct store_record *record)
{
	for (size_t i = 0; i < now->count; i++)
		if (store_record_is_same(&now->items[i], record))
			return true;
	return false;
}

static int check_lost(struct book *book, const struct store_record *record,
		      const char *owner, struct error *err)
{
	cleanup_store_records struct store_records now = { 0 };
	char text[INET_ADDR_TEXT] = "";
	int r = ipam_list(book->ipam, &now, err);

	if (r < 0 || !is_recorded_still(&now, record))
		return r;
	if (record->n_addresses)
		inet_addr_format(&record->addresses[0].address.addr, text);
	report_fail(&book->ctl->report, text, "shimctl ipam gc",
		    "is reserved for %s of %s, which is not there",
		    record->ifname, owner);
	return 0;
}

static int check_record(struct book *book, const struct store_record *record,
			struct error *err)
{
	cleanup_free char *owner = NULL;
	int r;

	r = children_owner(record, &owner, err);
	if (r < 0)
		return r;
	r = store_record_is_in_progress(record, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = reclaim_is_attached(record, err);
	if (r < 0)
		return r;
	if (r == RECLAIM_ATTACHED)
		return check_addresses(book, record, owner, err);
	return check_lost(book, record, owner, err);
}

static bool is_recorded(const struct store_records *records,
			const struct inet_addr *addr)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct store_record *record = &records->items[i];

		for (size_t j = 0; j < record->n_addresses; j++)
			if (inet_addr_equal(&record->addresses[j].address.addr,
					    addr))
				return true;
	}
	return false;
}

static bool is_candidate(const struct book *book, const struct inet_addr *addr)
{
	const struct ipam_config *ipam = &book->network->config.ipam;

	for (size_t i = 0; i < ipam->n_sets; i++)
		if (ipam->sets[i].family == addr->family &&
		    ipam_range_set_find(&ipam->sets[i], addr))
			return true;
	return false;
}

/* Of a pod that another plugin attached, in the pools or reservations. */
static bool is_known(const struct book *book, const struct inet_addr *addr)
{
	return range_set_contains(
		&book->compared.known[addr->family == AF_INET6],
		inet_addr_to_uint(addr));
}

static int check_borne(struct book *book, const struct child *child,
		       const struct inet_addr *addr, struct error *err)
{
	cleanup_store_records struct store_records now = { 0 };
	char text[INET_ADDR_TEXT];
	int r;

	if (!is_candidate(book, addr) || is_known(book, addr) ||
	    is_recorded(&book->records, addr))
		return 0;
	r = ipam_list(book->ipam, &now, err);
	if (r < 0 || is_recorded(&now, addr))
		return r;
	report_fail(&book->ctl->report, inet_addr_format(addr, text),
		    "add it to \"exclude\", or give its pod another",
		    "is on %s, and nobody reserved it", child->ifname);
	return 0;
}

/* What a child of the parent bears, and the store might give to another. */
static int check_child(struct book *book, const struct child *child,
		       struct error *err)
{
	cleanup_free char *list = strdup(child->addresses);
	char *save = NULL;
	int r = 0;

	if (!list)
		return error_oom(err);
	for (char *one = strtok_r(list, ", ", &save); one && r == 0;
	     one = strtok_r(NULL, ", ", &save)) {
		struct inet_prefix prefix;

		if (inet_prefix_parse(one, &prefix))
			r = check_borne(book, child, &prefix.addr, err);
	}
	return r;
}

static int check_children(struct book *book, struct error *err)
{
	cleanup_children struct children children = { 0 };
	struct netlink_link parent, shim;
	int r;

	r = ctl_parent(book->ctl, book->network, &parent, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = ctl_shim(book->ctl, book->network, &parent, &shim, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT)
		shim = (struct netlink_link){ 0 };
	r = children_find(book->ctl, NULL, &parent, &shim, &children, err);
	for (size_t i = 0; i < children.count && r == 0; i++)
		if (!children.items[i].is_shim)
			r = check_child(book, &children.items[i], err);
	return r;
}

static void tell_difference(struct report *report, const char *subject,
			    const struct store_finding *finding)
{
	switch (finding->kind) {
	case STORE_LOST:
		report_warn(report, subject,
			    "its DEL, or shimctl ipam gc once its Pod is gone",
			    "%s", finding->text);
		break;
	case STORE_NAMELESS:
		report_fail(report, subject,
			    "delete the pod that bears it; if none does, it is "
			    "forgotten in some minutes",
			    "%s", finding->text);
		break;
	case STORE_TAKEN_BY_ANOTHER:
		report_fail(report, subject,
			    "once one is deleted: shimctl ipam check --repair",
			    "%s", finding->text);
		break;
	case STORE_UNUSED:
		report_warn(report, subject,
			    "shimctl up, or shimctl ipam release if it is no "
			    "more",
			    "%s", finding->text);
		break;
	case STORE_FORGOTTEN:
	case STORE_NOBODYS:
	case STORE_OUTDATED:
	case STORE_RESTORED:
		report_fail(report, subject, "shimctl ipam check --repair",
			    "%s", finding->text);
		break;
	}
}

void book_tell(void *arg, const struct store_finding *finding)
{
	struct book *book = arg;
	struct report *report = &book->ctl->report;
	char text[INET_ADDR_TEXT];
	const char *subject = book->network->config.name;

	if (finding->addr.family)
		subject = inet_addr_format(&finding->addr, text);
	if (finding->is_repaired)
		report_line(report, "%s %s: repaired", subject, finding->text);
	else
		tell_difference(report, subject, finding);
}

int book_check(struct book *book, struct error *err)
{
	struct report *report = &book->ctl->report;
	size_t failed = report->n_failed;
	/* What the node says of itself to a server it says but once. */
	const bool is_alone = book->network->config.ipam.store ==
			      IPAM_STORE_LOCAL;
	int r = book_open(book, is_alone, err);

	if (r != CTL_OK)
		return r;
	r = ipam_audit(book->ipam, book->ctl->repair, book_tell, book, err);
	if (r == 0)
		r = book_check_host(book, err);
	if (r == 0)
		r = book_compare(book, err);
	for (size_t i = 0; i < book->records.count && r == 0; i++)
		r = check_record(book, &book->records.items[i], err);
	if (r == 0)
		r = check_children(book, err);
	if (r < 0)
		return r;
	report_line(report, "%s: %zu attachment%s, %zu wrong",
		    book->network->config.name, book->records.count,
		    book->records.count == 1 ? "" : "s",
		    report->n_failed - failed);
	report_uint(report, "attachments", book->records.count);
	report_uint(report, "wrong", report->n_failed - failed);
	return CTL_OK;
}
