#include "lib/netlink.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Lists that change while they are read. The kernel says so in the headers of
 * the answer; nl_recv() is wrapped to say it for the first dumps.
 */

struct nl_sock;
struct ucred;

int __real_nl_recv(struct nl_sock *sk, struct sockaddr_nl *from,
		   unsigned char **buf, struct ucred **creds);
int __wrap_nl_recv(struct nl_sock *sk, struct sockaddr_nl *from,
		   unsigned char **buf, struct ucred **creds);

static int interruptions;
static int answers;

int __wrap_nl_recv(struct nl_sock *sk, struct sockaddr_nl *from,
		   unsigned char **buf, struct ucred **creds)
{
	int n = __real_nl_recv(sk, from, buf, creds);
	struct nlmsghdr *hdr = n > 0 ? (void *)*buf : NULL;

	if (!hdr || !(hdr->nlmsg_flags & NLM_F_MULTI))
		return n;
	if (hdr->nlmsg_type != NLMSG_DONE)
		answers++;
	if (answers <= interruptions)
		hdr->nlmsg_flags |= NLM_F_DUMP_INTR;
	return n;
}

TestSuite(dump, .init = ns_fresh);

Test(dump, an_interrupted_list_is_read_again_and_holds_nothing_twice)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	cleanup_netlink struct netlink *nl = NULL;
	struct error err = { 0 };

	interruptions = 4;
	cr_assert_eq(netlink_open(-1, &nl, &err), 0);
	cr_expect_eq(netlink_link_list(nl, &links, &err), 0, "%s", err.details);
	cr_expect_eq(answers, 5);
	cr_assert_eq(links.count, 1);
	cr_expect_str_eq(links.items[0].name, "lo");
}

Test(dump, after_five_tries_it_is_try_again_later)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	cleanup_netlink struct netlink *nl = NULL;
	struct error err = { 0 };

	interruptions = 100;
	cr_assert_eq(netlink_open(-1, &nl, &err), 0);
	cr_expect_lt(netlink_link_list(nl, &links, &err), 0);
	cr_expect_eq(answers, 5);
	cr_expect_eq(err.code, ERROR_AGAIN);
	cr_expect_eq(links.count, 0);

	/* The session is still good. */
	interruptions = 0;
	cr_expect_eq(netlink_link_list(nl, &links, &err), 0);
}
