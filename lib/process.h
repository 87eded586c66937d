#ifndef LIB_PROCESS_H
#define LIB_PROCESS_H

/*
 * Which process made a record, and does it still live? A pid alone is reused;
 * with its start time it is not, and it means nothing outside its pid
 * namespace.
 */

#include "lib/error.h"

#include <stdbool.h>
#include <stdint.h>

struct process {
	int pid;
	uint64_t start; /* /proc/PID/stat, field 22 */
	uint64_t ns; /* inode of the pid namespace */
};

enum {
	PROCESS_DEAD = 1, /* gone, a zombie, or another one has its pid */
	PROCESS_UNKNOWN = 2, /* of another pid namespace */
};

/** process_self() - The calling process */
int process_self(struct process *ret, struct error *err);

/** process_is_same() - The same process, not a later one with its pid */
bool process_is_same(const struct process *a, const struct process *b);

/**
 * process_look() - Does it live?
 *
 * Return: 0 if it does, PROCESS_DEAD, PROCESS_UNKNOWN, or negative with ERROR_IO
 */
int process_look(const struct process *process, struct error *err) warn_unused;

#endif
