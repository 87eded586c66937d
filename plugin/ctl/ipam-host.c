#include "plugin/ctl/ipam-priv.h"
#include "plugin/host-range.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

/* The node's own addresses in the store that all nodes share. */

struct own {
	struct ipam_host host;
	struct netlink_addrs addrs; /* all that the node bears */
};

static void own_clear(struct own *own)
{
	netlink_addrs_clear(&own->addrs);
}
#define cleanup_own cleanup(own_clear)

static int own_find(struct book *book, struct own *ret, struct error *err)
{
	const struct network *network = book->network;
	struct netlink_link parent;
	int r = ctl_parent(book->ctl, network, &parent, err);

	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT)
		parent = (struct netlink_link){ 0 };
	ret->host = host_range_host(&network->node, &parent);
	return netlink_addr_list(book->ctl->host, 0, AF_UNSPEC, &ret->addrs,
				 err);
}

static bool is_in_ranges(const struct book *book, const struct inet_addr *addr)
{
	const struct ipam_config *ipam = &book->network->config.ipam;

	for (size_t i = 0; i < ipam->n_sets; i++)
		if (ipam->sets[i].family == addr->family &&
		    ipam_range_set_find(&ipam->sets[i], addr))
			return true;
	return false;
}

static int own_borne(const struct book *book, const struct own *own,
		     struct inet_addr **ret, size_t *ret_count,
		     struct error *err)
{
	size_t count = 0;

	*ret = calloc(own->addrs.count + 1, sizeof(**ret));
	if (!*ret)
		return error_oom(err);
	for (size_t i = 0; i < own->addrs.count; i++) {
		const struct netlink_addr *have = &own->addrs.items[i];

		if (have->scope == RT_SCOPE_UNIVERSE &&
		    is_in_ranges(book, &have->address.addr))
			(*ret)[count++] = have->address.addr;
	}
	*ret_count = count;
	return 0;
}

int book_check_host(struct book *book, struct error *err)
{
	cleanup_own struct own own = { 0 };
	cleanup_free struct inet_addr *borne = NULL;
	size_t count = 0;
	int r;

	if (book->network->config.ipam.store == IPAM_STORE_LOCAL)
		return 0;
	r = own_find(book, &own, err);
	if (r == 0)
		r = own_borne(book, &own, &borne, &count, err);
	if (r < 0)
		return r;
	return ipam_host_audit(&book->network->config.ipam, &own.host, borne,
			       count, book->ctl->repair, book_tell, book, err);
}

static bool is_borne(const struct own *own, const struct inet_addr *addr)
{
	for (size_t i = 0; i < own->addrs.count; i++)
		if (inet_addr_equal(&own->addrs.items[i].address.addr, addr))
			return true;
	return false;
}

/* Given away while the node bears it, it would be two's. */
static int release_host(struct book *book, const struct own *own,
			const struct inet_addr *addr, struct error *err)
{
	const bool dry_run = book->ctl->dry_run;
	const bool is_refused = !book->ctl->force && is_borne(own, addr);
	struct report *report = &book->ctl->report;
	int r = ipam_host_release(&book->network->config.ipam, &own->host, addr,
				  dry_run || is_refused, err);

	if (r < 0)
		return r;
	if (r == IPAM_HOST_UNCLAIMED) {
		report_fail(report, book->ctl->args[1], "shimctl ipam ls",
			    "is nobody's on this node in network %s",
			    book->network->config.name);
		return CTL_FAILED;
	}
	if (is_refused) {
		report_fail(
			report, book->ctl->args[1],
			"take it from the configuration and the node first, or say --force",
			"is in use: this node bears it");
		return CTL_REFUSED;
	}
	report_line(report, "%s of this node  %s", book->ctl->args[1],
		    dry_run ? "would be released" : "released");
	report_string(report, "released", book->ctl->args[1]);
	report_bool(report, "dryRun", dry_run);
	return CTL_OK;
}

int book_release_host(struct book *book, const struct inet_addr *addr,
		      struct error *err)
{
	cleanup_own struct own own = { 0 };
	int r = own_find(book, &own, err);

	return r < 0 ? r : release_host(book, &own, addr, err);
}
