#ifndef PLUGIN_WITNESS_H
#define PLUGIN_WITNESS_H

/*
 * What can be seen, from this process, of the namespace that a record names; and
 * whether all that is seen together proves that it is gone. What was not looked
 * at, or could not be, proves nothing.
 */

#include "ipam/store.h"

enum {
	WITNESS_ABSENT = 1, /* nothing leads to it */
};

enum witness_word {
	WITNESS_UNKNOWN,
	WITNESS_LIVES,
	WITNESS_DEAD,
};

/* Another place where a namespace was seen. */
struct witness_sight {
	uint64_t ino;
	char *path;
	bool is_mount;
};

/* One look at processes and mounts, made when first needed and shared by all
 * records of a pass. All-zero is a new one. */
struct witness {
	uint64_t deadline_ms; /* CLOCK_BOOTTIME; 0: take the time it needs */
	bool has_looked;
	bool is_complete; /* nothing was left out */
	struct witness_sight *sights;
	size_t n_sights;
	char **hidden; /* threads whose namespace may not be asked for */
	size_t n_hidden;
};
void witness_clear(struct witness *witness);
#define cleanup_witness cleanup(witness_clear)

/** witness_look() - Fill the sights; witness.c does it when it needs them */
void witness_look(struct witness *witness);

/** witness_place() - What to remember of a namespace and its path */
struct store_place witness_place(const char *path, int netns);

/**
 * witness_find() - Find the recorded namespace, wherever it is
 * @ret_fd:	Yours
 *
 * At its path, of a process or thread, or as a mount. Compared by cookie, since
 * inode numbers are reused.
 *
 * Return: 0, WITNESS_ABSENT (as far as could be looked), or negative
 */
int witness_find(struct witness *witness, const struct store_record *record,
		 int *ret_fd, struct error *err) warn_unused;

/**
 * witness_judge() - One sighting of an attachment's death, or of its life
 *
 * All of: its path leads to no namespace or to another one; the folder of the
 * path is the recorded one, and what it shows is the truth (witness.c says when);
 * no process, thread or mount has the namespace; no result that the runtime or
 * Multus keeps names the attachment. Two of these, a minute apart, are death.
 * What could not be looked at leaves it unknown.
 */
enum witness_word witness_judge(struct witness *witness,
				const struct store_record *record);

#endif
