#include "plugin/macvlan.h"

#include "lib/announce.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

/*
 * In the child: keep nothing that the runtime or another process may wait for.
 * The namespace moves to 0, 1 and 2 lead nowhere, the rest is closed.
 */
static int keep_only(int netns)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || dup2(netns, STDIN_FILENO) < 0)
		return -1;
	return close_range(STDERR_FILENO + 1, ~0U, 0);
}

static void announce_all(const struct netlink_link *link,
			 const struct result_ip *ips, size_t n_ips)
{
	for (size_t i = 0; i < n_ips; i++) {
		struct error err = { 0 };

		announce_address(STDIN_FILENO, link->index, &link->mac,
				 &ips[i].address.addr, &err);
	}
}

/*
 * Closing a packet socket waits for an RCU grace period (net/packet,
 * packet_release), 8 to 30 ms: ten times the rest of an ADD. Exiting with it
 * open waits as well. So a child opens, sends and closes, and nobody waits for
 * it. The kernel's own announcement (arp_notify) has gone out by now; ours adds
 * the reply form, which some stacks need.
 */
void macvlan_announce(int pod_netns, const struct netlink_link *link,
		      const struct result_ip *ips, size_t n_ips)
{
	pid_t child;

	if (n_ips == 0)
		return;
	child = fork();
	if (child < 0)
		log_warning("%s: not announced: %s", link->name,
			    strerror(errno));
	if (child != 0)
		return;

	signal(SIGALRM, SIG_DFL);
	alarm(5);
	if (keep_only(pod_netns) == 0)
		announce_all(link, ips, n_ips);
	_exit(0);
}
