#include "plugin/ctl/doctor.h"

#include "lib/file.h"
#include "plugin/shared.h"

#include <stdio.h>
#include <string.h>

/*
 * Programs that take links for theirs. They are asked nothing: what they have
 * decided about each link is in files below /run, by ifindex (systemd's
 * sd-network, NetworkManager's device state), and counts only while they run in
 * this namespace.
 */

#define STATE_MAX (64 * 1024)

/* Value of the line "KEY=VALUE", into @buf; false if there is none. */
static bool state_get(const char *text, const char *key, char *buf, size_t size)
{
	size_t len = strlen(key);

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		if (strncmp(text, key, len) != 0 || text[len] != '=')
			continue;
		text += len + 1;
		snprintf(buf, size, "%.*s", (int)strcspn(text, "\n"), text);
		return true;
	}
	return false;
}

static int state_read(const char *folder, int index, char **ret,
		      struct error *err)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%d", folder, index);
	return file_read(path, STATE_MAX, ret, NULL, err);
}

/* --- systemd-networkd ------------------------------------------------------------------- */

/* "pending" and "initialized" links are not decided yet. */
static int networkd_link(struct doctor *d, const struct netlink_link *link,
			 struct error *err)
{
	cleanup_free char *text = NULL;
	char file[256] = "a .network file";
	char state[32] = "";
	int r;

	r = state_read("/run/systemd/netif/links", link->index, &text, err);
	if (r != 0)
		return r < 0 ? r : 0;
	state_get(text, "ADMIN_STATE", state, sizeof(state));
	state_get(text, "NETWORK_FILE", file, sizeof(file));
	if (strcmp(state, "configuring") != 0 &&
	    strcmp(state, "configured") != 0 && strcmp(state, "failed") != 0)
		return 0;
	doctor_step(d,
		    "a .network file before it with [Match] Name=%s and [Link] "
		    "Unmanaged=yes, then: networkctl reload",
		    link->name);
	doctor_found(d,
		     "systemd-networkd manages %s (%s, by %s): it may drop its "
		     "addresses and routes, and ask for others",
		     link->name, state, file);
	return 0;
}

/* --- NetworkManager ---------------------------------------------------------------------- */

static int networkmanager_link(struct doctor *d,
			       const struct netlink_link *link,
			       struct error *err)
{
	cleanup_free char *text = NULL;
	char managed[16] = "";
	int r;

	r = state_read("/run/NetworkManager/devices", link->index, &text, err);
	if (r != 0)
		return r < 0 ? r : 0;
	state_get(text, "managed", managed, sizeof(managed));
	if (strcmp(managed, "true") != 0)
		return 0;
	doctor_step(d,
		    "unmanaged-devices=interface-name:%s in the [keyfile] of a "
		    "file in /etc/NetworkManager/conf.d, then: nmcli general "
		    "reload",
		    link->name);
	doctor_found(d,
		     "NetworkManager manages %s: it may set it down, or give "
		     "it other addresses",
		     link->name);
	return 0;
}

/* --- both ---------------------------------------------------------------------------------- */

static const struct manager {
	const char *process;
	int (*look)(struct doctor *d, const struct netlink_link *link,
		    struct error *err);
} managers[] = {
	{ DOCTOR_NETWORKD, networkd_link },
	{ DOCTOR_NETWORKMANAGER, networkmanager_link },
};

/* A parent that is a NIC, or made by somebody else, is theirs to manage. */
int doctor_manager(struct doctor *d, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(managers) && r == 0; i++) {
		if (!doctor_process(&d->processes, managers[i].process, true))
			continue;
		if (shared_is_marked(&d->parent))
			r = managers[i].look(d, &d->parent, err);
		if (r == 0 && d->shim.index)
			r = managers[i].look(d, &d->shim, err);
	}
	return r;
}

/* --- Cilium --------------------------------------------------------------------------------- */

#define CILIUM_FOLDER  "/tmp/cilium/config-map" /* of its image */
#define CILIUM_OPTIONS 65536

/* The n-th of a list whose elements end in NUL, as /proc has it; or NULL. */
static const char *nul_next(const char *list, size_t len, const char *last)
{
	const char *next = last ? last + strlen(last) + 1 : list;

	return next < list + len ? next : NULL;
}

static bool cilium_has_option(const char *list, size_t len, const char *prefix)
{
	for (const char *one = nul_next(list, len, NULL); one;
	     one = nul_next(list, len, one))
		if (strncmp(one, prefix, strlen(prefix)) == 0 &&
		    one[strlen(prefix)])
			return true;
	return false;
}

static const char *cilium_folder(const char *list, size_t len)
{
	static const char option[] = "--config-dir=";

	for (const char *one = nul_next(list, len, NULL); one;
	     one = nul_next(list, len, one))
		if (strncmp(one, option, strlen(option)) == 0)
			return one + strlen(option);
	return CILIUM_FOLDER;
}

/* By option, by environment, or by a file of its configuration. */
static bool cilium_has_devices(int pid)
{
	cleanup_free char *options = NULL;
	cleanup_free char *env = NULL;
	cleanup_free char *file = NULL;
	struct error ignored = { 0 };
	size_t len;
	char path[512];

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	if (file_read(path, CILIUM_OPTIONS, &env, &len, &ignored) == 0 &&
	    cilium_has_option(env, len, "CILIUM_DEVICES="))
		return true;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	if (file_read(path, CILIUM_OPTIONS, &options, &len, &ignored) != 0)
		return true; /* it has just ended */
	if (cilium_has_option(options, len, "--devices="))
		return true;
	snprintf(path, sizeof(path), "/proc/%d/root%s/devices", pid,
		 cilium_folder(options, len));
	return file_read_line(path, &file, &ignored) == 0;
}

/* Its own detection takes any link that is up, has a MAC and a global route;
 * macvlan and vxlan are not left out (pkg/datapath/linux/devices.go). */
int doctor_cilium(struct doctor *d, struct error *err)
{
	const struct doctor_process *agent;

	(void)err;
	agent = doctor_process(&d->processes, DOCTOR_CILIUM, true);
	if (!agent || cilium_has_devices(agent->pid))
		return 0;
	doctor_found(d,
		     "the Cilium agent (pid %d) has no list of devices: it may "
		     "take %s for one, with its MTU, NodePorts and programs",
		     agent->pid, d->shim.name);
	return 0;
}
