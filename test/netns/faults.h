#ifndef TEST_NETNS_FAULTS_H
#define TEST_NETNS_FAULTS_H

/*
 * Topologies for shimctl doctor, and what it finds on them when something is
 * broken. The test is node "k8s-1" of each; its configuration is CTL_CONFIG.
 *
 * With HOSTSHIM_FAULTS in the environment each fault and the line that was
 * printed for it, by doctor or verify, is appended to that file
 * (scripts/fault-table).
 */

#include "test/netns/ctl.h"

/* The three nodes of a mesh. -1: the test's own. */
#define FAULTS_NODES 3
extern int faults_node[FAULTS_NODES];
extern int faults_pod[FAULTS_NODES]; /* a pod of each, called "im-1", ... */

/**
 * faults_mesh() - T1: three nodes on direct links with mtu 9000; for .init
 *
 * Node 1 reaches node N over under<N>, /31; VTEPs 10.100.100.N on lo. All are
 * up, with a pod on each: 10.100.1.16, .56 and .96.
 */
void faults_mesh(void);

/** faults_flat() - T2: a NIC eth1 with 192.168.7.1/24 on a switch that knows
 * another host, .2; a shim beside it, and the pod "im-1", 192.168.7.64 */
void faults_flat(void);

void faults_close(void);

/** faults_process() - A process called @name in @ns (-1: here), with @option
 * among its arguments; ends with the test. Returns its pid */
int faults_process(int ns, const char *name, const char *option);

/** faults_none() - Doctor finds nothing here, in either form */
void faults_none(const char *network);

/** faults_find() - After @inject doctor prints @lines, and nothing else
 * @lines:	Findings; each ends with a newline */
void faults_find(const char *inject, const char *lines);

/** faults_find_in() - The same, broken in another namespace */
void faults_find_in(int ns, const char *inject, const char *lines);

/** faults_topology() - What the table calls the next faults' */
void faults_topology(const char *name);

/** faults_keep() - Note for the table the line of @out that has @text; false if
 * there is none
 * @command:	What was run: "verify --mtu" */
bool faults_keep(const char *command, const char *inject, const char *out,
		 const char *text);

/** faults_has() - After @inject doctor prints @line, perhaps among others */
void faults_has(const char *inject, const char *line);

#endif
