#include "test/netns/crash.h"

#include "ipam/ipam.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Detection of duplicates would make each ADD of an IPv6 address wait. */
static void open_pod(struct crash_pod *pod, size_t index)
{
	struct error err = { 0 };

	snprintf(pod->id, sizeof(pod->id), "c%zu", index);
	pod->ns = ns_new();
	ns_set_sysctl(pod->ns, "net/ipv6/conf/all/accept_dad", 0);
	ns_set_sysctl(pod->ns, "net/ipv6/conf/default/accept_dad", 0);
	cr_assert_eq(netlink_open(pod->ns, &pod->session, &err), 0, "%s",
		     err.details);
}

static void read_config(struct crash *crash)
{
	struct request request = { 0 };
	cleanup_free char *text = strdup(crash->text);
	struct error err = { 0 };

	request.config = text;
	request.config_len = strlen(text);
	cr_assert_eq(config_read(&request, &crash->config, &err), 0, "%s",
		     err.details);
}

void crash_open(struct crash *crash, const char *name, const char *text,
		size_t n_pods)
{
	struct error err = { 0 };

	*crash = (struct crash){ .name = name, .text = text };
	cr_assert_eq(netlink_open(-1, &crash->host, &err), 0, "%s",
		     err.details);
	read_config(crash);
	for (size_t i = 0; i < n_pods; i++)
		open_pod(&crash->pods[i], i);
	crash->n_pods = n_pods;
}

void crash_close(struct crash *crash)
{
	for (size_t i = 0; i < crash->n_pods; i++) {
		netlink_close(crash->pods[i].session);
		close(crash->pods[i].ns);
	}
	netlink_close(crash->host);
	config_clear(&crash->config);
}

void crash_report(const struct crash *crash)
{
	printf("%-36s %5u injections, %u leaks, %u duplicates, %u differing "
	       "final states\n",
	       crash->name, crash->injections, crash->leaks, crash->duplicates,
	       crash->differing);
	fflush(stdout);
	cr_expect_gt(crash->injections, 0, "%s", crash->name);
	cr_expect_eq(crash->leaks, 0, "%s", crash->name);
	cr_expect_eq(crash->duplicates, 0, "%s", crash->name);
	cr_expect_eq(crash->differing, 0, "%s", crash->name);
}

void crash_leak(struct crash *crash, const char *fmt, ...)
{
	va_list args;

	crash->leaks++;
	fprintf(stderr, "%s, %u: ", crash->name, crash->injections);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

/* --- calls -------------------------------------------------------------------- */

struct cni_call crash_call(const struct crash *crash, const char *verb,
			   size_t pod)
{
	struct cni_call call = seed_call(verb, crash->text);

	call.pod = crash->pods[pod].ns;
	call.id = crash->pods[pod].id;
	call.path = crash->path;
	return call;
}

int crash_run(struct crash *crash, const char *verb, size_t pod)
{
	struct cni_call call = crash_call(crash, verb, pod);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	cni_call(&call, &answer);
	return cni_code(&answer);
}

void crash_must(struct crash *crash, const char *verb, size_t pod)
{
	struct cni_call call = crash_call(crash, verb, pod);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	cni_call(&call, &answer);
	if (answer.status != 0)
		crash_leak(crash, "%s of %s: %s%s", verb, call.id, answer.out,
			   answer.err);
}

/* --- looks ---------------------------------------------------------------------- */

size_t crash_links(const struct crash *crash, size_t pod)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	struct error err = { 0 };

	cr_assert_eq(netlink_link_list(crash->pods[pod].session, &links, &err),
		     0, "%s", err.details);
	return links.count - 1;
}

static bool is_global(const struct netlink_addr *addr)
{
	static const struct inet_prefix loopback = {
		.addr = { .family = AF_INET, .bytes = { 127 } },
		.len = 8,
	};

	if (addr->address.addr.family == AF_INET)
		return !inet_prefix_contains(&loopback, &addr->address.addr);
	return addr->scope == 0;
}

void crash_addresses(const struct crash *crash, size_t pod,
		     struct netlink_addrs *ret)
{
	struct error err = { 0 };
	size_t kept = 0;

	cr_assert_eq(netlink_addr_list(crash->pods[pod].session, 0, AF_UNSPEC,
				       ret, &err),
		     0, "%s", err.details);
	for (size_t i = 0; i < ret->count; i++)
		if (is_global(&ret->items[i]))
			ret->items[kept++] = ret->items[i];
	ret->count = kept;
}

void crash_records(const struct crash *crash, struct store_records *ret)
{
	cleanup_ipam struct ipam *ipam = NULL;
	struct error err = { 0 };

	*ret = (struct store_records){ 0 };
	if (!ipam_config_is_builtin(&crash->config.ipam))
		return;
	cr_assert_eq(ipam_open(&crash->config.ipam, true, &ipam, &err), 0);
	cr_assert_eq(ipam_list(ipam, ret, &err), 0, "%s", err.details);
}

const struct store_record *crash_record(const struct crash *crash,
					const struct store_records *records,
					size_t pod)
{
	for (size_t i = 0; i < records->count; i++)
		if (strcmp(records->items[i].container_id,
			   crash->pods[pod].id) == 0)
			return &records->items[i];
	return NULL;
}

/* --- claims ---------------------------------------------------------------------- */

void crash_expect_detached(struct crash *crash, size_t pod)
{
	cleanup_store_records struct store_records records = { 0 };

	if (crash_links(crash, pod) > 0)
		crash_leak(crash, "c%zu has a link still", pod);
	crash_records(crash, &records);
	if (crash_record(crash, &records, pod))
		crash_leak(crash, "c%zu has a record still", pod);
}

static bool bears(const struct netlink_addrs *addrs,
		  const struct inet_prefix *address)
{
	for (size_t i = 0; i < addrs->count; i++)
		if (inet_prefix_equal(&addrs->items[i].address, address))
			return true;
	return false;
}

static void expect_borne(struct crash *crash, size_t pod,
			 const struct store_record *record)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };

	crash_addresses(crash, pod, &addrs);
	if (addrs.count != record->n_addresses)
		crash_leak(crash, "c%zu bears %zu addresses, %zu are kept", pod,
			   addrs.count, record->n_addresses);
	for (size_t i = 0; i < record->n_addresses; i++)
		if (!bears(&addrs, &record->addresses[i].address))
			crash_leak(crash, "c%zu does not bear address %zu", pod,
				   i);
}

void crash_expect_attached(struct crash *crash, size_t pod)
{
	cleanup_store_records struct store_records records = { 0 };
	struct netlink_link link;
	struct error err = { 0 };
	const struct store_record *record;

	if (crash_links(crash, pod) != 1 ||
	    netlink_link_get(crash->pods[pod].session, "net1", &link, &err) !=
		    0 ||
	    !(link.flags & IFF_UP))
		crash_leak(crash, "c%zu has not one link net1, UP", pod);
	if (!ipam_config_is_builtin(&crash->config.ipam))
		return;
	crash_records(crash, &records);
	record = crash_record(crash, &records, pod);
	if (!record || record->state != STORE_STATE_LIVE)
		crash_leak(crash, "c%zu has no live record", pod);
	else
		expect_borne(crash, pod, record);
}

static void duplicate(struct crash *crash, const struct inet_addr *addr,
		      const char *where)
{
	char text[INET_ADDR_TEXT];

	crash->duplicates++;
	fprintf(stderr, "%s, %u: %s twice %s\n", crash->name, crash->injections,
		inet_addr_format(addr, text), where);
}

/* Pods may change while we look at one after the other: the first one still has
 * the address after the second one had it. */
static void confirm_twice(struct crash *crash, size_t pod,
			  const struct inet_prefix *address)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };

	crash_addresses(crash, pod, &addrs);
	if (bears(&addrs, address))
		duplicate(crash, &address->addr, "on links");
}

void crash_expect_no_address_twice(struct crash *crash)
{
	struct netlink_addrs all[CRASH_PODS] = { 0 };

	for (size_t a = 0; a < crash->n_pods; a++) {
		crash_addresses(crash, a, &all[a]);
		for (size_t b = 0; b < a; b++)
			for (size_t i = 0; i < all[b].count; i++)
				if (bears(&all[a], &all[b].items[i].address))
					confirm_twice(crash, b,
						      &all[b].items[i].address);
	}
	for (size_t a = 0; a < crash->n_pods; a++)
		netlink_addrs_clear(&all[a]);
}

static void compare_records(struct crash *crash, const struct store_record *a,
			    const struct store_record *b)
{
	for (size_t i = 0; i < a->n_addresses; i++)
		for (size_t j = 0; j < b->n_addresses; j++)
			if (inet_addr_equal(&a->addresses[i].address.addr,
					    &b->addresses[j].address.addr))
				duplicate(crash, &a->addresses[i].address.addr,
					  "in the table");
}

void crash_expect_disjoint(struct crash *crash)
{
	cleanup_store_records struct store_records records = { 0 };

	crash_expect_no_address_twice(crash);
	crash_records(crash, &records);
	for (size_t a = 0; a < records.count; a++)
		for (size_t b = a + 1; b < records.count; b++)
			compare_records(crash, &records.items[a],
					&records.items[b]);
}

void crash_expect_node(struct crash *crash, const char *snapshot)
{
	if (ns_becomes(-1, snapshot))
		return;
	crash->differing++;
	fprintf(stderr, "%s, %u: the node differs\n", crash->name,
		crash->injections);
}

/* What is on the overlay goes with it. */
void crash_reset_node(struct crash *crash)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	struct error err = { 0 };

	cr_assert_eq(netlink_link_list(crash->host, &links, &err), 0);
	for (size_t i = 0; i < links.count; i++)
		if (links.items[i].is_vxlan &&
		    netlink_link_del(crash->host, links.items[i].index, &err) <
			    0)
			cr_assert_fail("%s", err.details);
	ns_do(-1, "rm -rf /run/hostshim /var/lib/cni/hostshim");
}
