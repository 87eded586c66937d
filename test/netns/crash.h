#ifndef TEST_NETNS_CRASH_H
#define TEST_NETNS_CRASH_H

/*
 * What a hostshim that died left behind, looked at from inside the test: links
 * and addresses of pods and node over netlink, records in the store. What is
 * not as it must be is counted and told, so that one run of a test shows all
 * of it.
 */

#include "ipam/store.h"
#include "lib/netlink.h"
#include "plugin/config.h"
#include "test/netns/seed.h"

#include <stdio.h>

#define CRASH_PODS 50

/* Container "c<i>" has interface net1 in pod i. */
struct crash_pod {
	int ns;
	struct netlink *session;
	char id[8];
};

struct crash {
	const char *name; /* of the variant */
	const char *text; /* configuration */
	const char *path; /* CNI_PATH of all calls; NULL: none of use */
	struct config config; /* the same, as hostshim reads it */
	struct netlink *host;
	struct crash_pod pods[CRASH_PODS];
	size_t n_pods;
	unsigned int injections;
	unsigned int refused; /* calls that failed because of it */
	unsigned int leaks;
	unsigned int duplicates;
	unsigned int differing;
};

/** crash_open() - Empty pods on the first node; seed_open() came before
 * @text:	Configuration of all calls */
void crash_open(struct crash *crash, const char *name, const char *text,
		size_t n_pods);
void crash_close(struct crash *crash);

/** crash_report() - One line of numbers; all but the first must be zero */
void crash_report(const struct crash *crash);

/** crash_leak() - Count one, and tell */
void crash_leak(struct crash *crash, const char *fmt, ...) printf_like(2, 3);

/** crash_call() - For container @pod */
struct cni_call crash_call(const struct crash *crash, const char *verb,
			   size_t pod);

/** crash_run() - Run it; its error code, 0 if it succeeded */
int crash_run(struct crash *crash, const char *verb, size_t pod);

/** crash_must() - Run it; one that fails is a leak */
void crash_must(struct crash *crash, const char *verb, size_t pod);

/** crash_links() - Links of a pod beside lo */
size_t crash_links(const struct crash *crash, size_t pod);

/** crash_addresses() - What they bear, without link-local ones */
void crash_addresses(const struct crash *crash, size_t pod,
		     struct netlink_addrs *ret);

/** crash_records() - The table */
void crash_records(const struct crash *crash, struct store_records *ret);

/** crash_record() - That of a pod, NULL if there is none */
const struct store_record *crash_record(const struct crash *crash,
					const struct store_records *records,
					size_t pod);

/** crash_expect_detached() - No link, no record: what is left is a leak */
void crash_expect_detached(struct crash *crash, size_t pod);

/** crash_expect_attached() - One link that bears exactly what a live record
 * keeps for it */
void crash_expect_attached(struct crash *crash, size_t pod);

/** crash_expect_no_address_twice() - On links; also while calls are running */
void crash_expect_no_address_twice(struct crash *crash);

/** crash_expect_disjoint() - The same on links and in the table */
void crash_expect_disjoint(struct crash *crash);

/** crash_expect_node() - The node's namespace is as in @snapshot */
void crash_expect_node(struct crash *crash, const char *snapshot);

/** crash_reset_node() - As before the first ADD: no overlay, no shim, no state */
void crash_reset_node(struct crash *crash);

#endif
