#include "lib/netlink.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/socket.h>

/* Every change passes netlink_change(), where tests of the modules above make
 * the n-th one fail; here they are counted. */

struct nl_msg;
struct netlink_outcome;

int __real_netlink_change(struct netlink *nl, struct nl_msg *msg,
			  const struct netlink_outcome *outcomes,
			  struct error *err);
int __wrap_netlink_change(struct netlink *nl, struct nl_msg *msg,
			  const struct netlink_outcome *outcomes,
			  struct error *err);

static int changes;
static int fail_at;

int __wrap_netlink_change(struct netlink *nl, struct nl_msg *msg,
			  const struct netlink_outcome *outcomes,
			  struct error *err)
{
	if (++changes == fail_at)
		return error_set(err, ERROR_LINK, EIO, "made to fail");
	return __real_netlink_change(nl, msg, outcomes, err);
}

TestSuite(change, .init = ns_fresh);

/* All verbs that change something, each once. */
static int change_everything(struct netlink *nl, struct error *err)
{
	const struct netlink_link_new vxlan = {
		.name = "vx0",
		.kind = "vxlan",
		.netns = -1,
		.index = 50,
		.vxlan = { .id = 5, .port = 4789, .learning = true },
	};
	const struct netlink_link_new macvlan = {
		.name = "mv0",
		.kind = "macvlan",
		.netns = -1,
		.index = 51,
		.parent = 50,
		.macvlan = { .mode = MACVLAN_MODE_BRIDGE },
	};
	const struct netlink_link_change up = { .set_up = true, .up = true };
	struct netlink_addr addr = { .index = 51 };
	struct netlink_route route = { .index = 51 };
	struct netlink_fdb_entry peer = { 0 };
	struct netlink_link link;

	cr_assert(inet_prefix_parse("10.0.0.1/24", &addr.address));
	cr_assert(inet_prefix_parse("10.5.0.0/16", &route.dst));
	cr_assert(inet_addr_parse("10.0.0.2", &peer.dst));
	if (netlink_link_add(nl, &vxlan, err) != 0 ||
	    netlink_link_get(nl, "vx0", &link, err) != 0 ||
	    netlink_vxlan_set(nl, &link, &link.vxlan, err) != 0 ||
	    netlink_fdb_append(nl, 50, &peer, err) != 0 ||
	    netlink_link_set(nl, 50, &up, err) != 0 ||
	    netlink_link_add(nl, &macvlan, err) != 0 ||
	    netlink_link_get_index(nl, 51, &link, err) != 0 ||
	    netlink_macvlan_set(nl, &link, &link.macvlan, err) != 0 ||
	    netlink_link_set(nl, 51, &up, err) != 0 ||
	    netlink_addr_add(nl, &addr, err) != 0 ||
	    netlink_route_add(nl, &route, err) != 0 ||
	    netlink_route_del(nl, &route, err) != 0 ||
	    netlink_addr_del(nl, &addr, err) != 0 ||
	    netlink_fdb_del(nl, 50, &peer, err) != 0 ||
	    netlink_link_del(nl, 51, err) != 0 ||
	    netlink_link_del(nl, 50, err) != 0)
		return error_return(err);
	return 0;
}

Test(change, each_verb_is_one_change_and_lookups_are_none)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
	cleanup_netlink_routes struct netlink_routes routes = { 0 };
	cleanup_netlink struct netlink *nl = NULL;
	struct error err = { 0 };

	cr_assert_eq(netlink_open(-1, &nl, &err), 0);
	cr_assert_eq(netlink_link_list(nl, &links, &err), 0);
	cr_assert_eq(netlink_addr_list(nl, 0, AF_UNSPEC, &addrs, &err), 0);
	cr_assert_eq(netlink_route_list(nl, 0, AF_UNSPEC, &routes, &err), 0);
	cr_expect_eq(changes, 0);
	cr_expect_eq(change_everything(nl, &err), 0, "%s", err.details);
	cr_expect_eq(changes, 14);
}

Test(change, the_nth_failure_is_reported_and_the_session_goes_on)
{
	cleanup_netlink struct netlink *nl = NULL;
	struct error err = { 0 };

	cr_assert_eq(netlink_open(-1, &nl, &err), 0);
	for (int n = 1; n <= 14; n++) {
		changes = 0;
		fail_at = n;
		err = (struct error){ 0 };
		cr_expect_lt(change_everything(nl, &err), 0, "%d", n);
		cr_expect_eq(err.sys, EIO);
		cr_expect(strstr(err.details, ": made to fail"), "%s",
			  err.details);
		ns_try(-1, NULL, "ip link del mv0");
		ns_try(-1, NULL, "ip link del vx0");
	}
	fail_at = 0;
	cr_expect_eq(change_everything(nl, &err), 0, "%s", err.details);
}
