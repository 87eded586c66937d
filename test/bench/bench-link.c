/*
 * bench-link - the least that an ADD and a DEL can be
 *
 * Speaks as much of the protocol as bench-cni does: ADD makes a macvlan on eth0
 * in CNI_NETNS under its final name, DEL deletes it by that name. One netlink
 * message each, without a library, a configuration or an address: what remains
 * is the start of a process, and the kernel's own work.
 */

#include <err.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct message {
	struct nlmsghdr header;
	struct ifinfomsg link;
	char attributes[128];
};

static struct rtattr *put(struct message *m, int type, const void *data,
			  size_t len)
{
	struct rtattr *attr =
		(void *)((char *)m + NLMSG_ALIGN(m->header.nlmsg_len));

	attr->rta_type = (unsigned short)type;
	attr->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(attr), data, len);
	m->header.nlmsg_len = NLMSG_ALIGN(m->header.nlmsg_len) +
			      (uint32_t)RTA_SPACE(len);
	return attr;
}

static void close_nest(const struct message *m, struct rtattr *nest)
{
	nest->rta_len = (unsigned short)((const char *)m + m->header.nlmsg_len -
					 (const char *)nest);
}

static void exchange(int fd, const struct message *m)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[512];
	} answer;

	if (send(fd, m, m->header.nlmsg_len, 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) < 0)
		err(1, "netlink");
	if (answer.error.error)
		errx(1, "netlink: %s", strerror(-answer.error.error));
}

static void add(int fd, const char *name, int netns)
{
	static const uint32_t mode = MACVLAN_MODE_BRIDGE;
	uint32_t parent = if_nametoindex("eth0");
	struct message m = {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(m.link)),
			    .nlmsg_type = RTM_NEWLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK |
					   NLM_F_CREATE | NLM_F_EXCL },
	};
	struct rtattr *info, *data;

	put(&m, IFLA_IFNAME, name, strlen(name) + 1);
	put(&m, IFLA_LINK, &parent, sizeof(parent));
	put(&m, IFLA_NET_NS_FD, &netns, sizeof(netns));
	info = put(&m, IFLA_LINKINFO, NULL, 0);
	put(&m, IFLA_INFO_KIND, "macvlan", strlen("macvlan"));
	data = put(&m, IFLA_INFO_DATA, NULL, 0);
	put(&m, IFLA_MACVLAN_MODE, &mode, sizeof(mode));
	close_nest(&m, data);
	close_nest(&m, info);
	exchange(fd, &m);
}

static void del(int fd, const char *name)
{
	struct message m = {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(m.link)),
			    .nlmsg_type = RTM_DELLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
	};

	put(&m, IFLA_IFNAME, name, strlen(name) + 1);
	exchange(fd, &m);
}

int main(void)
{
	const char *verb = getenv("CNI_COMMAND");
	const char *name = getenv("CNI_IFNAME");
	const char *path = getenv("CNI_NETNS");
	int netns = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	int fd;

	if (netns < 0 || !verb || !name)
		errx(1, "CNI_COMMAND, CNI_IFNAME, CNI_NETNS: all are needed");
	if (strcmp(verb, "DEL") == 0 && setns(netns, CLONE_NEWNET) < 0)
		err(1, "setns");
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		err(1, "socket");
	if (strcmp(verb, "DEL") == 0)
		del(fd, name);
	else
		add(fd, name, netns);
	return 0;
}
