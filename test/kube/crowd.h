#ifndef TEST_KUBE_CROWD_H
#define TEST_KUBE_CROWD_H

/*
 * Plugins as whole processes on the nodes of sim.sh, many at once. What goes
 * wrong here is no finding about the product: it is said, and the program ends.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CROWD_TEXT 256

struct crowd_node {
	char name[64];
	int pid;
	int net;
	int mnt;
};

/** crowd_node_open() - "NAME=PID": the namespaces of that process */
struct crowd_node crowd_node_open(const char *word);

/** crowd_node_close() - They may end then */
void crowd_node_close(struct crowd_node *node);

/** crowd_sandbox() - A network namespace as /run/netns/ID, on that node */
void crowd_sandbox(const struct crowd_node *node, const char *id);

/** crowd_sandbox_drop() - It ends, if there is one; its links go when the kernel
 * gets to it */
void crowd_sandbox_drop(const struct crowd_node *node, const char *id);

/** crowd_sandbox_has() - Does an interface there carry @address? */
bool crowd_sandbox_has(const struct crowd_node *node, const char *id,
		       const char *address);

/* One CNI call. Pod "crowd/POD" with its uid; NULL: none. */
struct crowd_call {
	const struct crowd_node *node;
	const char *program;
	const char *config; /* path */
	const char *verb;
	const char *id;
	const char *pod;
	const char *uid;
	unsigned int delay_ms; /* before the program starts */
};

/** crowd_start() - @ret_out: its standard output, to be read when it has ended.
 * Its stderr is ours. */
pid_t crowd_start(const struct crowd_call *call, int *ret_out);

struct crowd_answer {
	char address[64]; /* the first one without its length, or "" */
	int code; /* of an error, else 0 */
	char text[1024]; /* all of it, as far as it fits */
};

/** crowd_read() - Takes @out */
void crowd_read(int out, struct crowd_answer *ret);

/** crowd_now() - CLOCK_MONOTONIC in ms */
double crowd_now(void);

#endif
