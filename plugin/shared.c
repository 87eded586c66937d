#include "plugin/shared.h"

#include "lib/file.h"
#include "lib/hash.h"
#include "lib/log.h"
#include "lib/sysctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * The kernel ignores an alias in a create message (research by experiment, on
 * Linux 6.18), and udev may rewrite the MAC of a link that was created without
 * one (systemd.link(5), MACAddressPolicy=persistent). So a link is created
 * under a temporary name with its final MAC, and gets final name and mark in
 * one message:
 *
 *	dead before the create	nothing
 *	dead after it		a DOWN link under the temporary name: the next
 *				run renames and marks it
 *	dead after the rename	a marked link that lacks the rest: the next run
 *				finds the differences, as it would find others
 *
 * There is no moment in which a link bears its final name without the mark: an
 * unmarked link of that name is somebody else's, always.
 */

#define SHARED_MARK "hostshim:"

const char *shared_mark(const char *parent, char buf[static NETLINK_ALIAS_TEXT])
{
	snprintf(buf, NETLINK_ALIAS_TEXT, SHARED_MARK "%s", parent);
	return buf;
}

bool shared_is_marked(const struct netlink_link *link)
{
	return strncmp(link->alias, SHARED_MARK, strlen(SHARED_MARK)) == 0;
}

const char *shared_temporary_name(const char *name, char buf[static IFNAMSIZ])
{
	uint64_t hash = hash_add(HASH_INIT, name, strlen(name));

	snprintf(buf, IFNAMSIZ, "vethhs%08x", (uint32_t)(hash ^ (hash >> 32)));
	return buf;
}

int shared_mac(const struct node *node, const void *basis, size_t len,
	       const char *name, struct inet_mac *ret, struct error *err)
{
	cleanup_free char *machine = NULL;
	uint64_t hash = HASH_INIT;
	int r;

	r = file_read_line("/etc/machine-id", &machine, err);
	if (r < 0)
		return r;
	if (r == 0)
		hash = hash_add(hash, machine, strlen(machine) + 1);
	hash = hash_add(hash, node->name, strlen(node->name) + 1);
	hash = hash_add(hash, basis, len);
	hash = hash_add(hash, name, strlen(name));
	*ret = inet_mac_from_hash(hash);
	return 0;
}

int shared_mac_on(const struct node *node, const struct netlink_link *parent,
		  const char *name, struct inet_mac *ret, struct error *err)
{
	const struct inet_addr *local = &parent->vxlan.local;

	if (parent->is_vxlan && local->family)
		return shared_mac(node, local->bytes,
				  inet_family_len(local->family), name, ret,
				  err);
	return shared_mac(node, parent->mac.bytes, sizeof(parent->mac.bytes),
			  name, ret, err);
}

int shared_undo_link(void *step, struct error *err)
{
	const struct shared_link *made = step;

	if (made->index == 0)
		return 0;
	if (netlink_link_del(made->host, made->index, err) < 0)
		return error_context(err, "delete the link we made");
	return 0;
}

static bool shared_is_leftover(const struct netlink_link *have,
			       const struct netlink_link_new *want)
{
	if (strcmp(have->kind, want->kind) != 0)
		return false;
	if (have->is_vxlan)
		return have->vxlan.id == want->vxlan.id &&
		       have->vxlan.port == want->vxlan.port;
	return have->parent == want->parent && have->parent_netns == -1;
}

/* A temporary name with other properties: the configuration changed since that
 * run was killed. It is DOWN, was never anybody's parent, and goes. */
static int shared_drop_leftover(struct netlink *host,
				const struct netlink_link *have,
				const struct netlink_link_new *want,
				struct error *err)
{
	if (strcmp(have->kind, want->kind) != 0)
		return error_set(
			err, ERROR_LINK, 0,
			"%s, a temporary name of ours for %s, is a %s link that we did not make: rename or delete it",
			have->name, want->name,
			have->kind[0] ? have->kind : "physical");
	if (netlink_link_del(host, have->index, err) < 0)
		return error_context(err, "delete the leftover %s", have->name);
	return NETLINK_ABSENT;
}

/* Return: 0 (@ret is a leftover to complete), NETLINK_ABSENT, or negative */
static int shared_find_leftover(struct netlink *host,
				const struct netlink_link_new *want,
				const char *temporary, struct netlink_link *ret,
				struct error *err)
{
	int r = netlink_link_get(host, temporary, ret, err);

	if (r != 0)
		return r;
	if (!shared_is_leftover(ret, want))
		return shared_drop_leftover(host, ret, want, err);
	return 0;
}

static int shared_make(struct netlink *host,
		       const struct netlink_link_new *want,
		       const char *temporary, struct netlink_link *ret,
		       struct shared_link *made, struct error *err)
{
	struct netlink_link_new link = *want;
	int r;

	link.name = temporary;
	r = netlink_link_add(host, &link, err);
	if (r != 0)
		return r;
	r = netlink_link_get(host, temporary, ret, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT)
		return error_set(err, ERROR_LINK, 0,
				 "%s vanished while it was being made",
				 temporary);
	made->index = ret->index;
	return 0;
}

int shared_create(struct netlink *host, const struct netlink_link_new *link,
		  const char *parent, struct netlink_link *ret,
		  struct shared_link *made, struct error *err)
{
	char temporary[IFNAMSIZ];
	char mark[NETLINK_ALIAS_TEXT];
	struct netlink_link_change final = {
		.name = link->name,
		.alias = shared_mark(parent, mark),
	};
	cleanup_undo struct undo undo = { 0 };
	int r;

	*made = (struct shared_link){ .host = host };
	undo_push(&undo, shared_undo_link, made);

	shared_temporary_name(link->name, temporary);
	r = shared_find_leftover(host, link, temporary, ret, err);
	if (r == NETLINK_ABSENT)
		r = shared_make(host, link, temporary, ret, made, err);
	if (r < 0)
		return error_context(err, "create");
	if (r != 0)
		return r;

	r = shared_must(netlink_link_set(host, ret->index, &final, err), err);
	if (r < 0)
		return error_context(err, "name and mark");

	snprintf(ret->name, sizeof(ret->name), "%s", link->name);
	snprintf(ret->alias, sizeof(ret->alias), "%s", mark);
	undo_commit(&undo);
	return 0;
}

int shared_must(int r, struct error *err)
{
	if (r <= 0)
		return r;
	if (r == NETLINK_BUSY) /* the kernel's words are in err */
		return error_return(err);
	return error_set(err, ERROR_LINK, r == NETLINK_EXISTS ? EEXIST : ENODEV,
			 "somebody else changes it at the same time");
}

static struct shared_watch *watched;

void shared_watch(struct shared_watch *watch)
{
	watched = watch;
}

void shared_checked(void)
{
	if (watched)
		watched->checks++;
}

int shared_wrong(struct error *err, const struct netlink_link *link,
		 const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (watched && watched->plan) {
		watched->tell(watched, link->name, text);
		return NODE_CHANGED;
	}
	error_set(err, ERROR_LINK, 0, "%s: %s", link->name, text);
	return NODE_WRONG;
}

int shared_changed(const struct netlink_link *link, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_info("%s: %s", link->name, text);
	if (watched)
		watched->tell(watched, link->name, text);
	return NODE_CHANGED;
}

/* Return: 0 if it has the value, SYSCTL_CHANGED if it differs (NODE_LOOK) or
 * was written, SYSCTL_ABSENT, or negative */
static int shared_sysctl(const struct netlink_link *link,
			 const struct shared_sysctl *want, enum node_ensure how,
			 struct error *err)
{
	int have;
	int r;

	if (how == NODE_REPAIR)
		return sysctl_ensure(-1, want->family, link->name, want->key,
				     want->value, err);
	/* A look changed nothing since the link was looked up. */
	r = netlink_link_conf(link, want->family, want->key, &have);
	if (r == NETLINK_ABSENT)
		r = sysctl_get(-1, want->family, link->name, want->key, &have,
			       err);
	if (r == 0 && have != want->value)
		return SYSCTL_CHANGED;
	return r;
}

int shared_sysctls(const struct netlink_link *link,
		   const struct shared_sysctl *wanted, size_t count,
		   enum node_ensure how, struct error *err)
{
	int outcome = NODE_OK;

	for (size_t i = 0; i < count; i++) {
		const struct shared_sysctl *want = &wanted[i];
		int r = shared_sysctl(link, want, how, err);

		if (r < 0)
			return r;
		if (r != SYSCTL_CHANGED)
			continue;
		if (how == NODE_LOOK)
			return shared_wrong(err, link, "%s is not %d",
					    want->key, want->value);
		outcome = shared_changed(link, "%s set to %d", want->key,
					 want->value);
	}
	return outcome;
}

void shared_diff_text(struct shared_diff *diff, const char *key,
		      const char *have, const char *want)
{
	size_t room = sizeof(diff->text) - diff->len;
	int n;

	if (strcmp(have, want) == 0)
		return;
	n = snprintf(diff->text + diff->len, room, "%s%s is %s, not %s",
		     diff->len ? "; " : "", key, have, want);
	if (n > 0)
		diff->len += (size_t)n < room ? (size_t)n : room - 1;
}

void shared_diff_u32(struct shared_diff *diff, const char *key, uint32_t have,
		     uint32_t want)
{
	char have_text[16], want_text[16];

	snprintf(have_text, sizeof(have_text), "%u", have);
	snprintf(want_text, sizeof(want_text), "%u", want);
	shared_diff_text(diff, key, have_text, want_text);
}
