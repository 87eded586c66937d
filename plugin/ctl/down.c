#include "lib/file.h"
#include "lib/netns.h"
#include "plugin/ctl/children.h"
#include "plugin/ctl/ctl.h"
#include "plugin/restore.h"
#include "plugin/shared.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * Deleting a parent takes the interface of every pod on it, in all namespaces,
 * silently and for good. So, under the link lock, and in this order:
 *
 *	children that can be seen	any but the shim: refused
 *	children that are counted	more than can be seen: refused
 *	shim deleted			pods that run would lose the node only
 *	the kernel asked		a macvlan in passthru mode is let in as the
 *					only child or not at all
 *					(drivers/net/macvlan.c,
 *					macvlan_common_newlink), so a child that
 *					is out of our sight, and down, refuses
 *					it: then the shim is put back
 *	overlay deleted			while that macvlan is on it, nobody else
 *					gets in
 *
 * The asking macvlan lives in a namespace that only this process holds: if we
 * die, it is gone with us (as soon as the kernel's worker comes to it), and the
 * parent is as open as before. Killed in
 * between, a second run completes it, and "up" takes it back.
 *
 * Only what carries our mark is deleted.
 */

#define DOWN_PATIENCE_MS 2000

struct down {
	struct ctl *ctl;
	const struct network *network;
	struct netlink_link parent;
	struct netlink_link shim; /* index 0: there is none */
	struct ctl_table changes;
	bool refused;
};

static const struct ctl_column down_columns[] = {
	{ "network", NULL, CTL_TEXT },
	{ "link", "", CTL_TEXT },
	{ "change", "", CTL_TEXT },
	{ NULL, NULL, CTL_TEXT },
};

static void down_add(struct down *down, const char *link, const char *text)
{
	ctl_table_add(&down->changes, "%s", down->network->config.name);
	ctl_table_add(&down->changes, "%s", link);
	ctl_table_add(&down->changes, "%s", text);
}

/* Is the parent ours to delete? */
static bool down_has_overlay(const struct down *down)
{
	return down->network->config.vxlan.present && down->parent.is_vxlan &&
	       shared_is_marked(&down->parent);
}

static bool down_has_shim(const struct down *down)
{
	return down->shim.index && shared_is_marked(&down->shim);
}

/* --- who else is there -------------------------------------------------------------- */

static void down_refuse_child(struct down *down, const struct child *child)
{
	down->refused = true;
	if (child->is_shim) {
		report_fail(&down->ctl->report, child->ifname,
			    "ip link del it by hand if nobody needs it",
			    "is on %s, and hostshim did not make it",
			    down->parent.name);
		return;
	}
	report_fail(&down->ctl->report, child->ifname,
		    "move its pod away, or say --force",
		    "is on %s with %s (%s)", down->parent.name,
		    *child->addresses ? child->addresses : "no address",
		    *child->owner ? child->owner : "not ours");
}

static void down_refuse_hidden(struct down *down, size_t hidden)
{
	down->refused = true;
	report_fail(&down->ctl->report, down->parent.name,
		    "drain this node, or say --force",
		    "has %zu %s that cannot be seen from here", hidden,
		    hidden == 1 ? "child in a namespace"
				: "children in namespaces");
}

static int down_look_around(struct down *down, struct error *err)
{
	cleanup_children struct children children = { 0 };
	size_t hidden = 0;
	int r;

	r = children_find(down->ctl, down->network, &down->parent, &down->shim,
			  &children, err);
	for (size_t i = 0; i < children.count && r == 0; i++) {
		const struct child *child = &children.items[i];

		if (!child->is_found)
			continue; /* a record is no link */
		if (!child->is_shim ||
		    (down_has_overlay(down) && !down_has_shim(down)))
			down_refuse_child(down, child);
	}
	if (r == 0)
		r = children_hidden(down->ctl, &down->parent, &children,
				    &hidden, err);
	if (r == 0 && hidden)
		down_refuse_hidden(down, hidden);
	return r;
}

/* A namespace that goes with this process. */
static int down_new_netns(int *ret, struct error *err)
{
	cleanup_close int self = -1;
	int r = netns_open_self(&self, err);

	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNET) < 0)
		return error_set(err, ERROR_NETNS, errno, "new namespace");
	r = netns_open_self(ret, err);
	if (setns(self, CLONE_NEWNET) < 0)
		abort(); /* whose links would we delete? */
	return r;
}

/* Return: 0: it is the only child; NETLINK_BUSY: it is not; or negative */
static int down_ask_kernel(const struct down *down, int netns,
			   struct error *err)
{
	const struct netlink_link_new only = {
		.name = "vethhs-down",
		.kind = "macvlan",
		.parent = down->parent.index,
		.netns = netns,
		.macvlan = { .mode = MACVLAN_MODE_PASSTHRU },
	};
	int r = netlink_link_add(down->ctl->host, &only, err);

	if (r < 0 && err->sys == EINVAL) {
		*err = (struct error){ 0 };
		return NETLINK_BUSY;
	}
	if (r == NETLINK_EXISTS) /* the namespace is empty */
		return error_set(err, ERROR_LINK, EEXIST, "%s", only.name);
	return r;
}

/* A namespace that has just been left dies a little later (cleanup_net, in a
 * worker), and so do the links in it. */
static int down_wait_kernel(const struct down *down, int netns,
			    struct error *err)
{
	static const struct timespec pause = { .tv_nsec = 50 * 1000000L };
	uint64_t deadline = file_boottime_ms() + DOWN_PATIENCE_MS;
	int r;

	while ((r = down_ask_kernel(down, netns, err)) == NETLINK_BUSY &&
	       file_boottime_ms() < deadline)
		nanosleep(&pause, NULL);
	return r;
}

/* --- changes ------------------------------------------------------------------------ */

static int down_delete(struct down *down, const struct netlink_link *link,
		       struct error *err)
{
	int r;

	if (down->ctl->dry_run) {
		down_add(down, link->name, "would be deleted");
		return 0;
	}
	r = netlink_link_del(down->ctl->host, link->index, err);
	if (r < 0)
		return r;
	down_add(down, link->name, "deleted");
	return 0;
}

static int down_put_back(struct down *down, struct error *err)
{
	const struct network *network = down->network;
	struct netlink_link parent;

	down_refuse_hidden(down, 1);
	down_add(down, down->shim.name, "put back");
	return node_ensure(down->ctl->host, &network->config, &network->node,
			   &parent, err);
}

static int down_overlay(struct down *down, int *lock, struct error *err)
{
	cleanup_close int netns = -1;
	int r;

	if (down->ctl->force || down->ctl->dry_run)
		return down_delete(down, &down->parent, err);
	r = down_new_netns(&netns, err);
	if (r < 0)
		return r;
	r = down_wait_kernel(down, netns, err);
	if (r < 0)
		return error_context(err, "ask for other children of %s",
				     down->parent.name);
	if (r == 0)
		return down_delete(down, &down->parent, err);
	close(take_fd(lock)); /* node_ensure() takes it itself */
	return down->shim.index ? down_put_back(down, err) : 0;
}

/* --- the addresses go back ---------------------------------------------------------- */

static void down_tell_restored(struct down *down, const struct restore *restore)
{
	const char *word = down->ctl->dry_run ? "would move" : "moved";

	for (size_t i = 0; i < restore->addrs.count; i++) {
		char address[INET_PREFIX_TEXT];
		char text[INET_PREFIX_TEXT + 64];

		inet_prefix_format(&restore->addrs.items[i].address, address);
		snprintf(text, sizeof(text), "%s %s to %s", address, word,
			 down->parent.name);
		down_add(down, down->shim.name, text);
	}
}

static void down_refuse_restore(struct down *down)
{
	down->refused = true;
	report_fail(&down->ctl->report, down->parent.name,
		    "leave --restore-address out",
		    "is deleted as well: there is no link to move the "
		    "addresses of %s to",
		    down->shim.name);
}

static int down_restore(struct down *down, struct error *err)
{
	cleanup_restore struct restore restore = {
		.host = down->ctl->host,
		.parent = &down->parent,
		.shim = &down->shim,
	};
	int r;

	r = restore_plan(&restore, err);
	if (r < 0)
		return r;
	if (down->ctl->dry_run || restore.addrs.count == 0) {
		down_tell_restored(down, &restore);
		return down_delete(down, &down->shim, err);
	}
	r = restore_run(&restore, err);
	if (r < 0)
		return r;
	down_tell_restored(down, &restore);
	down_add(down, down->shim.name, "deleted");
	return 0;
}

/* --- one network -------------------------------------------------------------------- */

static void down_tell_foreign(struct down *down)
{
	if (down->network->config.vxlan.present && !down_has_overlay(down))
		report_line(&down->ctl->report,
			    "%s is left: hostshim did not make it",
			    down->parent.name);
	if (down->shim.index && !down_has_shim(down))
		report_line(&down->ctl->report,
			    "%s is left: hostshim did not make it",
			    down->shim.name);
}

static int down_links(struct down *down, struct error *err)
{
	cleanup_close int lock = -1;
	int r;

	r = node_lock(&down->network->config, &lock, err);
	if (r < 0)
		return error_context(err, "link lock");
	r = ctl_shim(down->ctl, down->network, &down->parent, &down->shim, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT)
		down->shim = (struct netlink_link){ 0 };
	if (!down->ctl->force) {
		r = down_look_around(down, err);
		if (r < 0 || down->refused)
			return r;
	}
	if (down->ctl->restore && down_has_overlay(down) &&
	    down_has_shim(down)) {
		down_refuse_restore(down);
		return 0;
	}
	down_tell_foreign(down);
	if (down_has_shim(down)) {
		r = down->ctl->restore ? down_restore(down, err)
				       : down_delete(down, &down->shim, err);
		if (r < 0)
			return r;
	}
	return down_has_overlay(down) ? down_overlay(down, &lock, err) : 0;
}

static int down_network(struct down *down, struct error *err)
{
	int r;

	if (down->network->config.link_in_container)
		return 0;
	r = ctl_parent(down->ctl, down->network, &down->parent, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return down_links(down, err);
}

static int down_report(struct down *down, struct error *err)
{
	struct report *report = &down->ctl->report;
	size_t count = ctl_table_rows(&down->changes);
	int r;

	r = report_table(report, "changes", &down->changes, 0, false, err);
	if (r < 0)
		return r;
	report_bool(report, "dryRun", down->ctl->dry_run);
	report_bool(report, "refused", down->refused);
	if (count == 0 && !down->refused)
		report_line(report, "no change");
	return down->refused ? CTL_REFUSED : CTL_OK;
}

int ctl_down(struct ctl *ctl, struct error *err)
{
	struct error report_err = { 0 };
	struct down down = { .ctl = ctl,
			     .changes = { .columns = down_columns } };
	int failed = 0;
	int r;

	for (size_t i = 0; i < ctl->n_networks && failed == 0; i++) {
		down.network = &ctl->networks[i];
		failed = down_network(&down, err);
	}
	r = down_report(&down, &report_err);
	ctl_table_clear(&down.changes);
	if (failed < 0)
		return failed;
	if (r < 0)
		*err = report_err;
	return r;
}
