#ifndef TEST_SUPPORT_NS_H
#define TEST_SUPPORT_NS_H

/*
 * Network namespaces for tests. A test stays where it is and holds its
 * namespaces as descriptors, as the plugin does. What goes wrong here is no
 * finding about the product: helpers print it and abort.
 */

#include "lib/cleanup.h"

#include <stdbool.h>

#define NS_PATH 64

/**
 * ns_fresh() - Move the test itself to a new network namespace, lo up; for .init
 *
 * And to a mount namespace: what it mounts over /run must not be the machine's,
 * however the program was started.
 */
void ns_fresh(void);

/** ns_new() - Another namespace, lo up; the test stays. Close it to drop it */
int ns_new(void);

/** ns_self() - The namespace that the test is in */
int ns_self(void);

/** ns_path() - "/proc/PID/fd/N": valid as CNI_NETNS, for child processes too */
const char *ns_path(int fd, char buf[static NS_PATH]);

/**
 * ns_try() - Run a shell command inside a namespace
 * @fd:		-1 for our own
 * @ret:	Its standard output and error; yours. NULL: not wanted
 *
 * Return: its exit status
 */
int ns_try(int fd, char **ret, const char *fmt, ...) printf_like(3, 4);

/** ns_exec() - The same for commands that cannot fail; returns the output,
 * which is yours */
char *ns_exec(int fd, const char *fmt, ...) printf_like(2, 3);

/** ns_do() - The same without interest in the output */
void ns_do(int fd, const char *fmt, ...) printf_like(2, 3);

/** ns_has() - Does a command's output contain @text? */
bool ns_has(int fd, const char *text, const char *fmt, ...) printf_like(3, 4);

/** ns_link_up() / ns_addr() - "ip link set NAME up", "ip addr add" (nodad) */
void ns_link_up(int fd, const char *name);
void ns_addr(int fd, const char *name, const char *prefix);

/** ns_veth() - A pair, one end in each namespace, both up */
void ns_veth(int fd, const char *name, int peer_fd, const char *peer);

/** ns_index() - A link's ifindex */
int ns_index(int fd, const char *name);

/**
 * ns_snapshot() - What a namespace holds, as text for comparison
 *
 * Links with their details, addresses, routes of all tables, rules, permanent
 * FDB entries and the sysctls that we touch; without counters, ifindexes and
 * what changes by itself (duplicate address detection, learned entries). Yours.
 */
char *ns_snapshot(int fd);

/** ns_same() - Are two snapshots equal? Prints how they differ */
bool ns_same(const char *before, const char *after);

/**
 * ns_becomes() - Does a namespace come to be as that snapshot?
 *
 * What the kernel does in its own time (groups of an IPv6 address are joined by
 * a worker) may come seconds later. Prints how they differ to the end.
 */
bool ns_becomes(int fd, const char *expected);

/** ns_ping() - Answers to @count echo requests, sent every 20 ms */
int ns_ping(int fd, const char *addr, int count);

/** ns_settle() - Wait until no IPv6 address is tentative, 20 s at most */
void ns_settle(int fd);

/** ns_set_sysctl() - Write below /proc/sys ("net/ipv4/ip_forward") */
void ns_set_sysctl(int fd, const char *key, int value);

/** ns_sleep_ms() */
void ns_sleep_ms(unsigned int ms);

#endif
