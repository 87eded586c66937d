#include "plugin/ctl/doctor.h"

#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/*
 * The table is walked once for each network. Everything that several checks
 * look at is read once, before; no check changes anything.
 *
 * Exit status: any finding is 1, also a warning: a gate that lets warnings pass
 * can look at "severity". What could not be looked at (3) counts only where
 * nothing was found.
 */

static const struct doctor_check doctor_checks[] = {
	{ "drift", DOCTOR_FAIL, "shimctl up", 0, doctor_drift },
	{ "down", DOCTOR_FAIL, "set it up where it is managed", DOCTOR_PARENT,
	  doctor_down },
	{ "missing", DOCTOR_FAIL, NULL, DOCTOR_PARENT, doctor_missing },
	{ "mode", DOCTOR_FAIL,
	  "correct \"mode\" in the pod's network, then restart the pod",
	  DOCTOR_SHIM, doctor_mode },
	{ "mtu", DOCTOR_WARN, "restart the pod", DOCTOR_PARENT, doctor_mtu },
	{ "mac", DOCTOR_WARN, NULL, DOCTOR_PARENT, doctor_mac },
	{ "arp", DOCTOR_WARN, NULL, DOCTOR_SHIM, doctor_arp },
	{ "peers", DOCTOR_WARN, "shimctl peers prune", DOCTOR_VXLAN,
	  doctor_stale },
	{ "mac", DOCTOR_FAIL, NULL, DOCTOR_VXLAN, doctor_double },
	{ "flood", DOCTOR_FAIL, NULL, DOCTOR_VXLAN, doctor_hub },
	{ "path", DOCTOR_FAIL, NULL, 0, doctor_path },
	{ "port", DOCTOR_FAIL, "choose another vxlan.port, on all nodes", 0,
	  doctor_port },
	{ "flood", DOCTOR_WARN, NULL, DOCTOR_VXLAN, doctor_neigh },
	{ "firewall", DOCTOR_FAIL, NULL, DOCTOR_VXLAN, doctor_firewall },
	{ "firewall", DOCTOR_FAIL, NULL, DOCTOR_VXLAN, doctor_legacy },
	{ "checksum", DOCTOR_WARN,
	  "ethtool -K UNDERLAY tx-checksum-ip-generic off on the node that "
	  "sends, then: shimctl verify --tcp",
	  DOCTOR_VXLAN, doctor_checksum },
	{ "manager", DOCTOR_WARN, NULL, DOCTOR_PARENT, doctor_manager },
	{ "cilium", DOCTOR_WARN,
	  "set \"devices\" in Cilium's configuration to the NICs that it "
	  "should use",
	  DOCTOR_SHIM, doctor_cilium },
	{ "iscsid", DOCTOR_FAIL,
	  "run it in the host's network namespace, and only there", DOCTOR_SHIM,
	  doctor_iscsid },
	{ "iscsi", DOCTOR_WARN, NULL, DOCTOR_SHIM, doctor_ifaces },
	{ "broadcast", DOCTOR_WARN, NULL, DOCTOR_VXLAN, doctor_broadcast },
	{ "flood", DOCTOR_WARN, NULL, DOCTOR_VXLAN, doctor_copies },
	{ "log", DOCTOR_FAIL, NULL, 0, doctor_leg },
};

static const struct ctl_column doctor_skipped_columns[] = {
	{ "check", "", CTL_TEXT },
	{ "why", "", CTL_TEXT },
	{ NULL, NULL, CTL_TEXT },
};

/* --- what checks say ---------------------------------------------------------------- */

void doctor_step(struct doctor *d, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(d->step, sizeof(d->step), fmt, args);
	va_end(args);
}

static void doctor_add(struct doctor *d, const char *name, const char *text)
{
	struct report *report = &d->ctl->report;
	const char *next = *d->step ? d->step : d->check->next;

	if (!report_has(report, name, text)) {
		d->n_found++;
		if (d->check->severity == DOCTOR_FAIL)
			report_fail(report, name, next, "%s", text);
		else
			report_warn(report, name, next, "%s", text);
	}
	*d->step = '\0';
}

void doctor_found(struct doctor *d, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	doctor_add(d, d->check->name, text);
}

void doctor_found_as(struct doctor *d, const char *name, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	doctor_add(d, name, text);
}

void doctor_skip(struct doctor *d, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ctl_table_add(&d->skipped, "%s", d->check->name);
	ctl_table_add(&d->skipped, "%s", text);
}

const char *doctor_who(const struct child *child, char buf[static DOCTOR_WHO])
{
	if (child->is_here)
		snprintf(buf, DOCTOR_WHO, "%s", child->ifname);
	else
		snprintf(buf, DOCTOR_WHO, "%s of %s", child->ifname,
			 *child->owner ? child->owner : child->path);
	return buf;
}

const char *doctor_peer_who(const struct doctor *d,
			    const struct inet_addr *vtep,
			    char buf[static DOCTOR_WHO])
{
	const struct config *config = &d->network->config;
	char text[INET_ADDR_TEXT];

	inet_addr_format(vtep, text);
	snprintf(buf, DOCTOR_WHO, "%s", text);
	for (size_t i = 0; i < config->n_nodes; i++)
		if (inet_addr_equal(&config->nodes[i].vtep, vtep))
			snprintf(buf, DOCTOR_WHO, "%s (%s)",
				 config->nodes[i].name, text);
	return buf;
}

/* --- one network ----------------------------------------------------------------------- */

static int doctor_load_overlay(struct doctor *d, struct error *err)
{
	int r = 0;

	if (d->parent.is_vxlan)
		r = netlink_fdb_list(d->ctl->host, d->parent.index, &d->fdb,
				     err);
	if (r == 0 && (d->parent.is_vxlan || d->network->config.vxlan.present))
		r = peers_find(d->ctl, d->network, &d->parent, &d->peers, err);
	return r;
}

/* A parent that is not there is a finding, of doctor_drift(). */
static int doctor_load(struct doctor *d, struct error *err)
{
	struct error absent = { 0 };
	int r;

	r = netlink_link_list(d->ctl->host, &d->links, err);
	if (r == 0)
		r = doctor_processes_find(&d->processes, err);
	if (r < 0)
		return r;
	if (ctl_parent(d->ctl, d->network, &d->parent, &absent) != 0)
		d->parent = (struct netlink_link){ 0 };
	r = doctor_load_overlay(d, err);
	if (r < 0 || d->parent.index == 0)
		return r;
	r = ctl_shim(d->ctl, d->network, &d->parent, &d->shim, err);
	if (r < 0)
		return r;
	if (r == NETLINK_ABSENT || d->shim.parent != d->parent.index)
		d->shim = (struct netlink_link){ 0 };
	r = children_find(d->ctl, d->network, &d->parent, &d->shim,
			  &d->children, err);
	return r < 0 ? r : doctor_sample(d, err);
}

static void doctor_clear(struct doctor *d)
{
	netlink_links_clear(&d->links);
	netlink_fdb_clear(&d->fdb);
	peers_clear(&d->peers);
	children_clear(&d->children);
	doctor_processes_clear(&d->processes);
	ctl_table_clear(&d->skipped);
}

static unsigned int doctor_has(const struct doctor *d)
{
	unsigned int has = 0;

	if (d->parent.index)
		has |= DOCTOR_PARENT;
	if (d->shim.index)
		has |= DOCTOR_SHIM;
	if (d->parent.is_vxlan)
		has |= DOCTOR_VXLAN;
	return has;
}

static int doctor_run(struct doctor *d, struct error *err)
{
	int r = doctor_load(d, err);

	for (size_t i = 0; i < ARRAY_SIZE(doctor_checks) && r == 0; i++) {
		d->check = &doctor_checks[i];
		if (d->check->needs & ~doctor_has(d))
			continue;
		r = d->check->run(d, err);
		if (r < 0)
			error_context(err, "check %s", d->check->name);
	}
	return r;
}

static int doctor_report(struct doctor *d, struct error *err)
{
	struct report *report = &d->ctl->report;

	if (d->n_found)
		report_line(report, "%s: %zu finding%s",
			    d->network->config.name, d->n_found,
			    d->n_found == 1 ? "" : "s");
	else
		report_line(report, "%s: no finding", d->network->config.name);
	if (ctl_table_rows(&d->skipped))
		report_line(report, "not looked at:");
	return report_table(report, "skipped", &d->skipped, 2, false, err);
}

/* Return: an exit status, or negative */
static int doctor_network(struct ctl *ctl, const struct network *network,
			  const struct doctor_log *log, struct error *err)
{
	struct doctor d = {
		.ctl = ctl,
		.network = network,
		.log = log,
		.skipped = { .columns = doctor_skipped_columns },
	};
	int status;

	report_object(&ctl->report, NULL);
	report_string(&ctl->report, "network", network->config.name);
	status = doctor_run(&d, err);
	if (status == 0)
		status = doctor_report(&d, err);
	report_end(&ctl->report);
	if (status == 0 && d.n_found)
		status = CTL_FAILED;
	else if (status == 0 && ctl_table_rows(&d.skipped))
		status = CTL_CANNOT;
	doctor_clear(&d);
	return status;
}

static int doctor_networks(struct ctl *ctl, const struct doctor_log *log,
			   struct error *err)
{
	int status = CTL_OK;

	report_array(&ctl->report, "networks");
	for (size_t i = 0; i < ctl->n_networks; i++) {
		const struct network *network = &ctl->networks[i];
		int r;

		if (network->config.link_in_container)
			continue; /* the parent is in the pod */
		r = doctor_network(ctl, network, log, err);
		if (r < 0)
			return error_context(err, "network %s",
					     network->config.name);
		if (r == CTL_FAILED || status == CTL_OK)
			status = r;
	}
	report_end(&ctl->report);
	return status;
}

static void doctor_report_log(struct report *report,
			      const struct doctor_log *log)
{
	report_object(report, "log");
	report_uint(report, "lines", log->n_lines);
	report_uint(report, "complaints", log->count);
	report_end(report);
	if (log->count == 0)
		report_line(report,
			    "log: %zu line%s, none of which tells of a failed "
			    "iSCSI connection",
			    log->n_lines, log->n_lines == 1 ? "" : "s");
}

/* Return: 0, CTL_USAGE, or negative */
static int doctor_read_log(const char *path, struct doctor_log *ret,
			   struct error *err)
{
	struct stat st;
	FILE *file;
	int r;

	if (strcmp(path, "-") == 0)
		return doctor_log_read(stdin, ret, err);
	file = fopen(path, "re");
	if (file && fstat(fileno(file), &st) == 0 && S_ISDIR(st.st_mode)) {
		fclose(file);
		return ctl_usage("--log %s: %s", path, strerror(EISDIR));
	}
	if (!file)
		return ctl_usage("--log %s: %s", path, strerror(errno));
	r = doctor_log_read(file, ret, err);
	fclose(file);
	return r < 0 ? error_context(err, "--log %s", path) : 0;
}

int ctl_doctor(struct ctl *ctl, struct error *err)
{
	struct doctor_log log = { 0 };
	int status = 0;

	/* What the plugin's modules warn of is found here, or is no fault. */
	if (!ctl->verbose)
		log_init("shimctl", LOG_LEVEL_QUIET);
	if (ctl->log)
		status = doctor_read_log(ctl->log, &log, err);
	if (status == 0)
		status = doctor_networks(ctl, ctl->log ? &log : NULL, err);
	if (status >= 0 && status != CTL_USAGE && ctl->log)
		doctor_report_log(&ctl->report, &log);
	doctor_log_clear(&log);
	return status;
}
