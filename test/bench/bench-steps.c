/*
 * bench-steps - hostshim itself, but with a clock around each step
 *
 * The plugin's own code, linked into another main(). The functions that make a
 * step, and what they ask of the kernel and of LMDB, go through a clock on their
 * way (ld --wrap), and when the process ends it writes what it saw
 * (test/bench/steps.h).
 */

#include "plugin/claim.h"
#include "plugin/command.h"
#include "plugin/macvlan.h"
#include "plugin/node.h"
#include "test/bench/steps.h"

#include <lmdb.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static struct steps steps;
static enum step current;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static double faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_minflt;
}

static double begin(enum step step)
{
	current = step;
	steps.of[current].faults -= faults();
	return now();
}

static void end(double from)
{
	steps.of[current].took += now() - from;
	steps.of[current].faults += faults();
}

/* A function of the plugin that is a step, or a part of one. */
#define STEP(step, name, parameters, arguments)                                \
	int __real_##name parameters;                                          \
	int __wrap_##name parameters;                                          \
	int __wrap_##name parameters                                           \
	{                                                                      \
		double from = begin(step);                                     \
		int r = __real_##name arguments;                               \
                                                                               \
		end(from);                                                     \
		return r;                                                      \
	}

STEP(STEP_REQUEST, request_read, (struct request * ret, struct error *err),
     (ret, err))
STEP(STEP_CONFIG, config_read,
     (const struct request *request, struct config *ret, struct error *err),
     (request, ret, err))
STEP(STEP_SESSIONS, netlink_open,
     (int netns, struct netlink **ret, struct error *err), (netns, ret, err))
STEP(STEP_NODE, node_ensure,
     (struct netlink * host, const struct config *config,
      const struct node *node, struct netlink_link *ret, struct error *err),
     (host, config, node, ret, err))
STEP(STEP_RESERVE, claim_reserve,
     (struct claim * claim, int netns, struct error *err), (claim, netns, err))
STEP(STEP_LINK, macvlan_add,
     (struct netlink * where, struct netlink *pod, int netns,
      const struct config *config, const struct netlink_link *parent,
      const char *ifname, struct netlink_link *ret, struct error *err),
     (where, pod, netns, config, parent, ifname, ret, err))
STEP(STEP_CONFIGURE, macvlan_configure,
     (struct netlink * pod, int netns, const struct config *config,
      struct netlink_link *link, const struct result_ip *ips, size_t n_ips,
      const struct inet_route *routes, size_t n_routes, struct error *err),
     (pod, netns, config, link, ips, n_ips, routes, n_routes, err))
STEP(STEP_CONFIRM, claim_confirm, (struct claim * claim, struct error *err),
     (claim, err))
STEP(STEP_RESULT, result_format,
     (const struct result *result, enum version version, char **ret,
      size_t *ret_len, struct error *err),
     (result, version, ret, ret_len, err))
STEP(STEP_DELETE, macvlan_del,
     (struct netlink * pod, const char *ifname, struct error *err),
     (pod, ifname, err))
STEP(STEP_RELEASE, claim_release, (struct claim * claim, struct error *err),
     (claim, err))

void __real_macvlan_announce(int netns, const struct netlink_link *link,
			     const struct result_ip *ips, size_t n_ips);
void __wrap_macvlan_announce(int netns, const struct netlink_link *link,
			     const struct result_ip *ips, size_t n_ips);
void __wrap_macvlan_announce(int netns, const struct netlink_link *link,
			     const struct result_ip *ips, size_t n_ips)
{
	double from = begin(STEP_ANNOUNCE);

	__real_macvlan_announce(netns, link, ips, n_ips);
	end(from);
}

/* --- within a step ---------------------------------------------------------- */

/* Messages and outcomes go by untouched. */
struct nl_msg;

#define MESSAGE(name, parameters, arguments)                                   \
	int __real_##name parameters;                                          \
	int __wrap_##name parameters;                                          \
	int __wrap_##name parameters                                           \
	{                                                                      \
		double from = now();                                           \
		int r = __real_##name arguments;                               \
                                                                               \
		steps.of[current].netlink += now() - from;                     \
		steps.of[current].messages++;                                  \
		return r;                                                      \
	}

MESSAGE(netlink_change,
	(struct netlink * nl, struct nl_msg *msg, const void *outcomes,
	 struct error *err),
	(nl, msg, outcomes, err))
MESSAGE(netlink_query,
	(struct netlink * nl, struct nl_msg *msg, const void *outcomes,
	 int (*each)(void), void *arg, struct error *err),
	(nl, msg, outcomes, each, arg, err))
MESSAGE(netlink_dump,
	(struct netlink * nl, struct nl_msg *msg, int (*each)(void), void *arg,
	 size_t *count, struct error *err),
	(nl, msg, each, arg, count, err))

int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn)
{
	double from = now();
	int r = __real_mdb_txn_commit(txn);

	steps.of[current].commit += now() - from;
	return r;
}

int main(void)
{
	const char *fd = getenv(STEPS_FD_VARIABLE);
	int r;

	steps.at_main = now();
	r = command_run("hostshim");
	steps.at_end = now();
	if (fd && write(atoi(fd), &steps, sizeof(steps)) != sizeof(steps))
		return 1;
	return r;
}
