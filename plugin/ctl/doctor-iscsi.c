#include "plugin/ctl/doctor.h"

#include "lib/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Who logs in to the pods' iSCSI targets, and from where: Longhorn runs
 * iscsiadm in the namespaces of the process called iscsid, and iscsiadm uses
 * every interface record that it finds.
 */

#define RECORD_MAX (64 * 1024)

static const char *const record_folders[] = {
	"/etc/iscsi/ifaces",
	"/var/lib/iscsi/ifaces",
};

/* --- the daemon --------------------------------------------------------------------------- */

/*
 * All processes that are seen belong to this node only if we look at its own
 * namespace, that of the first of them; a laboratory's namespaces (--netns) all
 * see the same iscsid, which says nothing about any of them.
 */
static bool iscsid_is_ours(void)
{
	struct stat self, init;

	return stat("/proc/thread-self/ns/net", &self) == 0 &&
	       stat("/proc/1/ns/net", &init) == 0 &&
	       self.st_ino == init.st_ino && self.st_dev == init.st_dev;
}

int doctor_iscsid(struct doctor *d, struct error *err)
{
	const struct doctor_process *away, *here;

	(void)err;
	away = doctor_process(&d->processes, DOCTOR_ISCSID, false);
	here = doctor_process(&d->processes, DOCTOR_ISCSID, true);
	if (!away || here || !iscsid_is_ours())
		return 0;
	doctor_found(d,
		     "iscsid (pid %d) runs in another network namespace: "
		     "volumes are logged in to from there, where %s is not",
		     away->pid, d->shim.name);
	return 0;
}

/* --- interface records ------------------------------------------------------------------ */

/* "iface.net_ifacename = eth1"; empty: it is not set. */
static void record_get(const char *text, const char *key, char *buf,
		       size_t size)
{
	size_t len = strlen(key);

	*buf = '\0';
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		const char *value = text;

		if (strncmp(text, key, len) != 0)
			continue;
		value += len;
		value += strspn(value, " \t");
		if (*value != '=')
			continue;
		value += 1 + strspn(value + 1, " \t");
		snprintf(buf, size, "%.*s", (int)strcspn(value, " \t\n"),
			 value);
		if (strcmp(buf, "<empty>") == 0 || strcmp(buf, "default") == 0)
			*buf = '\0';
		return;
	}
}

static bool record_link_exists(const struct doctor *d, const char *name)
{
	for (size_t i = 0; i < d->links.count; i++)
		if (strcmp(d->links.items[i].name, name) == 0)
			return true;
	return false;
}

static int record_look(struct doctor *d, const char *folder, const char *name,
		       struct error *err)
{
	cleanup_free char *text = NULL;
	char path[512], link[64];
	int r;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	r = file_read(path, RECORD_MAX, &text, NULL, err);
	if (r != 0)
		return r < 0 ? r : 0;
	record_get(text, "iface.net_ifacename", link, sizeof(link));
	if (!*link || strcmp(link, d->shim.name) == 0)
		return 0;
	doctor_step(d, "iscsiadm -m iface -I %s --op=delete", name);
	doctor_found(d,
		     "the iSCSI interface %s (%s) is bound to %s, %s: iscsiadm "
		     "tries it too, and does not reach the pods behind %s",
		     name, path, link,
		     record_link_exists(d, link) ? "another link"
						 : "which does not exist",
		     d->shim.name);
	return 0;
}

/* The record that every installation has is an example. */
static bool record_is_one(const struct dirent *entry)
{
	return entry->d_name[0] != '.' &&
	       strcmp(entry->d_name, "iface.example") != 0;
}

int doctor_ifaces(struct doctor *d, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(record_folders); i++) {
		cleanup_closedir DIR *folder = opendir(record_folders[i]);
		const struct dirent *entry;

		while (r == 0 && folder && (entry = readdir(folder)))
			if (record_is_one(entry))
				r = record_look(d, record_folders[i],
						entry->d_name, err);
	}
	return r;
}
