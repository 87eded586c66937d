#ifndef LIB_SYSCTL_H
#define LIB_SYSCTL_H

/*
 * The per-interface switches below net/ipv4 and net/ipv6, most of which netlink
 * only tells (netlink_link_conf). /proc/sys/net shows the namespace of the calling task, so each call
 * enters the namespace for one open() (sysctl_open) and comes back.
 */

#include "lib/error.h"

enum {
	SYSCTL_ABSENT = 1, /* no such switch: IPv6 is off, interface is gone */
	SYSCTL_CHANGED = 2, /* it had another value and was written */
};

/**
 * sysctl_get() - Read "net/<family>/conf/<ifname>/<key>"
 * @netns:	Namespace descriptor, -1 for our own
 * @family:	AF_INET or AF_INET6
 * @ifname:	Interface (dots are fine), or "all", "default"
 * @key:	For example "arp_ignore"
 *
 * Return: 0, SYSCTL_ABSENT, or negative with ERROR_LINK
 */
int sysctl_get(int netns, int family, const char *ifname, const char *key,
	       int *ret, struct error *err) warn_unused;

/**
 * sysctl_ensure() - Give it a value; writes only if it differs
 *
 * Return: 0 if it had the value, SYSCTL_CHANGED, SYSCTL_ABSENT, or negative
 */
int sysctl_ensure(int netns, int family, const char *ifname, const char *key,
		  int value, struct error *err) warn_unused;

/**
 * sysctl_set() - Write it, for who knows that it differs
 *
 * Return: SYSCTL_CHANGED, SYSCTL_ABSENT, or negative
 */
int sysctl_set(int netns, int family, const char *ifname, const char *key,
	       int value, struct error *err) warn_unused;

#endif
