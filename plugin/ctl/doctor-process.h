#ifndef PLUGIN_CTL_DOCTOR_PROCESS_H
#define PLUGIN_CTL_DOCTOR_PROCESS_H

/*
 * Programs of this machine that the checks look for, by the name that the
 * kernel has for them (15 bytes).
 */

#include "lib/error.h"

#include <sys/types.h>

struct doctor_process {
	char name[16];
	int pid;
	bool is_here; /* in the network namespace that we look at */
};

struct doctor_processes {
	struct doctor_process *items;
	size_t count;
};
void doctor_processes_clear(struct doctor_processes *processes);

/** doctor_processes_find() - All that some check knows */
int doctor_processes_find(struct doctor_processes *ret, struct error *err);

#define DOCTOR_ISCSID         "iscsid"
#define DOCTOR_NETWORKD       "systemd-network"
#define DOCTOR_NETWORKMANAGER "NetworkManager"
#define DOCTOR_CILIUM         "cilium-agent"

/** doctor_process() - The first of that name that is, or is not, here; or NULL */
const struct doctor_process *
doctor_process(const struct doctor_processes *processes, const char *name,
	       bool is_here);

#endif
