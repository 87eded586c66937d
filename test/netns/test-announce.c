#include "lib/announce.h"
#include "lib/packet.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Two namespaces on one wire: we announce here, there they listen. */
static struct error err;
static int there = -1;
static int index_here;

static const struct inet_mac mac = { { 2, 0, 0, 0, 0, 0xaa } };

static void make_wire(void)
{
	ns_fresh();
	there = ns_new();
	ns_veth(-1, "here", there, "there");
	ns_addr(there, "there", "10.0.0.2/24");
	ns_addr(there, "there", "fd00::2/64");
	index_here = ns_index(-1, "here");
}

static void drop_wire(void)
{
	close(there);
}

TestSuite(announce, .init = make_wire, .fini = drop_wire);

static struct inet_addr addr(const char *text)
{
	struct inet_addr ret;

	cr_assert(inet_addr_parse(text, &ret));
	return ret;
}

static int listen_there(uint16_t protocol)
{
	int fd = -1;

	cr_assert_eq(packet_open(there, ns_index(there, "there"), protocol, &fd,
				 &err),
		     0, "%s", err.details);
	return fd;
}

/* The next frame from @mac, as hex. */
static bool next_frame(int fd, char *hex, size_t size)
{
	struct pollfd events = { .fd = fd, .events = POLLIN };
	uint8_t frame[256];
	ssize_t n;

	while (poll(&events, 1, 500) > 0) {
		n = recv(fd, frame, sizeof(frame), 0);
		if (n < 14 || memcmp(frame + 6, mac.bytes, 6) != 0)
			continue;
		for (ssize_t i = 0; i < n && (size_t)i * 2 + 2 < size; i++)
			snprintf(hex + i * 2, 3, "%02x", frame[i]);
		return true;
	}
	return false;
}

Test(announce, ipv4_goes_out_as_request_and_as_reply)
{
	struct inet_addr a = addr("10.0.0.1");
	cleanup_close int fd = listen_there(ETH_P_ARP);
	char hex[512];

	cr_assert_eq(announce_address(-1, index_here, &mac, &a, &err), 0, "%s",
		     err.details);
	cr_assert(next_frame(fd, hex, sizeof(hex)));
	cr_expect_str_eq(hex, "ffffffffffff0200000000aa0806"
			      "0001080006040001"
			      "0200000000aa0a000001"
			      "0000000000000a000001");
	cr_assert(next_frame(fd, hex, sizeof(hex)));
	cr_expect_str_eq(hex, "ffffffffffff0200000000aa0806"
			      "0001080006040002"
			      "0200000000aa0a000001"
			      "0200000000aa0a000001");
}

Test(announce, ipv6_goes_out_as_an_overriding_advertisement)
{
	struct inet_addr a = addr("fd00::1");
	cleanup_close int fd = listen_there(ETH_P_IPV6);
	char hex[512];

	cr_assert_eq(announce_address(-1, index_here, &mac, &a, &err), 0);
	cr_assert(next_frame(fd, hex, sizeof(hex)));
	cr_expect_eq(strncmp(hex,
			     "3333000000010200000000aa86dd"
			     "6000000000203aff"
			     "fd000000000000000000000000000001"
			     "ff020000000000000000000000000001"
			     "8800",
			     14 * 2 + 40 * 2 + 4),
		     0, "%s", hex);
	cr_expect_str_eq(hex + 14 * 2 + 40 * 2 + 8,
			 "20000000"
			 "fd000000000000000000000000000001"
			 "02010200000000aa");
}

Test(announce, neighbours_correct_what_they_know)
{
	static const char *const addrs[] = { "10.0.0.1", "fd00::1" };

	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		struct inet_addr a = addr(addrs[i]);
		bool corrected = false;

		ns_do(there,
		      "ip neigh add %s lladdr 02:00:00:00:00:bb"
		      " dev there nud stale",
		      addrs[i]);
		cr_assert_eq(announce_address(-1, index_here, &mac, &a, &err),
			     0);
		for (int try = 0; try < 250 && !corrected; try++) {
			corrected = ns_has(there, "02:00:00:00:00:aa",
					   "ip neigh show %s", addrs[i]);
			ns_sleep_ms(20);
		}
		cr_expect(corrected, "%s", addrs[i]);
	}
}

Test(announce, a_link_in_another_namespace_is_spoken_on_from_here)
{
	struct inet_addr a = addr("10.0.0.1");
	cleanup_close int other = ns_new();
	cleanup_close int fd = listen_there(ETH_P_ARP);
	char path[NS_PATH];
	char hex[512];

	ns_do(-1, "ip link set here netns %s", ns_path(other, path));
	ns_link_up(other, "here");
	cr_assert_eq(announce_address(other, index_here, &mac, &a, &err), 0,
		     "%s", err.details);
	cr_expect(next_frame(fd, hex, sizeof(hex)));
}

Test(announce, a_link_that_is_down_or_gone_is_an_error)
{
	struct inet_addr a = addr("10.0.0.1");

	ns_do(-1, "ip link set here down");
	cr_expect_lt(announce_address(-1, index_here, &mac, &a, &err), 0);
	cr_expect_eq(err.code, ERROR_LINK);
	cr_expect_eq(err.sys, ENETDOWN);
	cr_expect(strstr(err.details, "announce 10.0.0.1: "), "%s",
		  err.details);
	cr_expect_lt(announce_address(-1, 4711, &mac, &a, &err), 0);
}
