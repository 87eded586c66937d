#include "plugin/ctl/doctor.h"

#include "lib/file.h"

#include <netinet/in.h> /* first: the kernel's headers look for it */

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Rules of iptables from before nftables: nft does not list them, and the kernel
 * asks both. Their format is as old as they are, and each match has its own, so
 * they are only counted; that they are there is told.
 *
 * A table is loaded by whoever first looks at it, and is empty then: a policy for
 * each hook, and an end.
 */

static const struct legacy {
	int family;
	int level; /* of the socket options, equal in both families */
	const char *names; /* of loaded tables */
	size_t target; /* where an entry has the offset of its target */
	const char *command;
} legacies[] = {
	{ AF_INET, IPPROTO_IP, "/proc/thread-self/net/ip_tables_names",
	  offsetof(struct ipt_entry, target_offset), "iptables-legacy-save" },
	{ AF_INET6, IPPROTO_IPV6, "/proc/thread-self/net/ip6_tables_names",
	  offsetof(struct ip6t_entry, target_offset), "ip6tables-legacy-save" },
};

/* Those that may drop. */
static const char *const legacy_tables[] = { "raw", "mangle", "filter",
					     "security" };

_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo) &&
		       sizeof(struct ipt_get_entries) ==
			       sizeof(struct ip6t_get_entries),
	       "both families ask in the same form");

/* Is the policy at @offset of the @size bytes in @entries to drop? */
static bool legacy_drops(const struct legacy *legacy, const char *entries,
			 size_t size, size_t offset)
{
	struct xt_standard_target target;
	uint16_t at;

	if (offset + legacy->target + sizeof(at) > size)
		return false;
	memcpy(&at, entries + offset + legacy->target, sizeof(at));
	if (offset + at + sizeof(target) > size)
		return false;
	memcpy(&target, entries + offset + at, sizeof(target));
	return target.verdict == -NF_DROP - 1;
}

static bool legacy_has_policy(const struct legacy *legacy, int fd,
			      const struct ipt_getinfo *info)
{
	socklen_t len =
		(socklen_t)(sizeof(struct ipt_get_entries) + info->size);
	cleanup_free struct ipt_get_entries *get = calloc(1, len);
	bool drops = false;

	if (!get)
		return false;
	memcpy(get->name, info->name, sizeof(get->name));
	get->size = info->size;
	if (getsockopt(fd, legacy->level, IPT_SO_GET_ENTRIES, get, &len) < 0)
		return false;
	for (int hook = 0; hook < NF_INET_NUMHOOKS; hook++)
		if (info->valid_hooks & (1U << hook))
			drops |= legacy_drops(legacy,
					      (const char *)get->entrytable,
					      info->size,
					      info->underflow[hook]);
	return drops;
}

static void legacy_look(struct doctor *d, const struct legacy *legacy, int fd,
			const char *name)
{
	struct ipt_getinfo info = { 0 };
	socklen_t len = sizeof(info);
	unsigned int empty;

	snprintf(info.name, sizeof(info.name), "%s", name);
	if (getsockopt(fd, legacy->level, IPT_SO_GET_INFO, &info, &len) < 0)
		return;
	empty = (unsigned int)__builtin_popcount(info.valid_hooks) + 1;
	if (info.num_entries <= empty && !legacy_has_policy(legacy, fd, &info))
		return;
	doctor_skip(d,
		    "legacy iptables has rules in its table %s (%s), which are "
		    "not read: if one drops UDP port %u, only shimctl verify "
		    "tells",
		    name, legacy->command, d->parent.vxlan.port);
}

static bool legacy_is_loaded(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (; *names; names += strcspn(names, "\n"), names += *names == '\n')
		if (strncmp(names, name, len) == 0 && names[len] == '\n')
			return true;
	return false;
}

/* To ask for a table that is not there would load it. */
int doctor_legacy(struct doctor *d, struct error *err)
{
	int family = d->parent.vxlan.local.family;

	for (size_t i = 0; i < ARRAY_SIZE(legacies); i++) {
		const struct legacy *legacy = &legacies[i];
		cleanup_free char *names = NULL;
		cleanup_close int fd = -1;
		int r;

		if (legacy->family != family)
			continue;
		r = file_read(legacy->names, 4096, &names, NULL, err);
		if (r != 0)
			return r < 0 ? r : 0;
		fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
		for (size_t j = 0; fd >= 0 && j < ARRAY_SIZE(legacy_tables);
		     j++)
			if (legacy_is_loaded(names, legacy_tables[j]))
				legacy_look(d, legacy, fd, legacy_tables[j]);
	}
	return 0;
}
