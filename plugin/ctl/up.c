#include "lib/file.h"
#include "plugin/ctl/ctl.h"
#include "plugin/shared.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * The same call as ADD's (node_ensure), with somebody who looks on. --wait is
 * for a unit at boot, ordered before the runtime: the underlay may still be
 * coming, and what fails for that reason is tried again until the deadline.
 */

#define UP_INTERVAL_MS 500

struct up {
	struct shared_watch watch; /* first: the watcher gets this back */
	struct ctl *ctl;
	struct ctl_table changes;
	const struct network *network;
};

static const struct ctl_column up_columns[] = {
	{ "network", NULL, CTL_TEXT },
	{ "link", "", CTL_TEXT },
	{ "change", "", CTL_TEXT },
	{ NULL, NULL, CTL_TEXT },
};

static void up_add(struct up *up, const char *link, const char *text)
{
	ctl_table_add(&up->changes, "%s", up->network->config.name);
	ctl_table_add(&up->changes, "%s", link);
	ctl_table_add(&up->changes, "%s", text);
}

static void up_tell(struct shared_watch *watch, const char *link,
		    const char *text)
{
	up_add((struct up *)(void *)watch, link, text);
}

/* --- one network ---------------------------------------------------------------------- */

static bool up_may_come(const struct error *err)
{
	return err->code == ERROR_AGAIN || err->code == ERROR_OVERLAY ||
	       err->code == ERROR_SHIM;
}

static int up_ensure(struct up *up, uint64_t deadline, struct error *err)
{
	static const struct timespec pause = { .tv_nsec = UP_INTERVAL_MS *
							  1000000L };
	const struct network *network = up->network;
	struct netlink_link parent;

	for (;;) {
		struct error now = { 0 };
		int r = node_ensure(up->ctl->host, &network->config,
				    &network->node, &parent, &now);

		if (r >= 0)
			return r;
		if (!up->ctl->wait || !up_may_come(&now) ||
		    file_boottime_ms() + UP_INTERVAL_MS > deadline) {
			*err = now;
			return r;
		}
		nanosleep(&pause, NULL);
	}
}

/* "vxlan-storage does not exist" ends the look: what would be on the link
 * follows from the configuration. */
static void up_add_missing(struct up *up, char *text)
{
	char *space = strchr(text, ' ');

	if (space)
		*space = '\0';
	up_add(up, text,
	       space ? "does not exist: it would be made, and all that is on it"
		     : "");
}

static int up_plan(struct up *up, struct error *err)
{
	const struct network *network = up->network;
	struct netlink_link parent;
	struct error wrong = { 0 };
	int r;

	r = node_look(up->ctl->host, &network->config, &network->node, &parent,
		      &wrong);
	if (r < 0) {
		*err = wrong;
		return r;
	}
	if (r == NODE_WRONG)
		up_add_missing(up, wrong.details);
	return 0;
}

/* --- all of them ---------------------------------------------------------------------- */

static int up_networks(struct up *up, uint64_t deadline, struct error *err)
{
	struct ctl *ctl = up->ctl;

	for (size_t i = 0; i < ctl->n_networks; i++) {
		int r;

		up->network = &ctl->networks[i];
		if (up->network->config.link_in_container)
			continue; /* the parent is in the pod */
		r = ctl->dry_run ? up_plan(up, err)
				 : up_ensure(up, deadline, err);
		if (r < 0)
			return error_context(err, "network %s",
					     up->network->config.name);
	}
	return 0;
}

static int up_report(struct up *up, uint64_t took_ms, struct error *err)
{
	struct report *report = &up->ctl->report;
	size_t count = ctl_table_rows(&up->changes);
	int r;

	r = report_table(report, "changes", &up->changes, 0, false, err);
	if (r < 0)
		return r;
	report_bool(report, "dryRun", up->ctl->dry_run);
	if (count == 0)
		report_uint(report, "checks", up->watch.checks);
	if (count == 0)
		report_line(report, "no change (%u checks)", up->watch.checks);
	else if (up->ctl->dry_run)
		report_line(report, "%zu difference%s, nothing was changed",
			    count, count == 1 ? "" : "s");
	else
		report_line(report, "%zu change%s, %u.%02u s", count,
			    count == 1 ? "" : "s",
			    (unsigned int)(took_ms / 1000),
			    (unsigned int)(took_ms % 1000 / 10));
	return CTL_OK;
}

int ctl_up(struct ctl *ctl, struct error *err)
{
	struct error report_err = { 0 };
	uint64_t start = file_boottime_ms();
	struct up up = {
		.watch = { .plan = ctl->dry_run, .tell = up_tell },
		.ctl = ctl,
		.changes = { .columns = up_columns },
	};
	int failed, r;

	shared_watch(&up.watch);
	failed = up_networks(&up, start + ctl->timeout * 1000ULL, err);
	shared_watch(NULL);
	/* What was changed before a failure is told too. */
	r = up_report(&up, file_boottime_ms() - start, &report_err);
	ctl_table_clear(&up.changes);
	if (failed < 0)
		return failed;
	if (r < 0)
		*err = report_err;
	return r;
}
