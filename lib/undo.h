#ifndef LIB_UNDO_H
#define LIB_UNDO_H

/*
 * A stack of inverses for steps that change the world:
 *
 *	cleanup_undo struct undo undo = { 0 };
 *
 *	r = link_add(..., err);
 *	if (r < 0)
 *		return r;
 *	undo_push(&undo, undo_link, &step);
 *	...
 *	undo_commit(&undo);
 *	return 0;
 *
 * Leaving the scope without undo_commit() runs them last-in first-out. Each
 * inverse reports into an error of its own, which is logged: the error that
 * made us leave is what the user sees.
 */

#include "lib/error.h"

#define UNDO_CAPACITY 16

/* Takes back one step; called once. Absence of what it takes back is success. */
typedef int (*undo_fn)(void *step, struct error *err);

struct undo {
	struct undo_step {
		undo_fn fn;
		void *step;
	} steps[UNDO_CAPACITY];
	unsigned int count;
};

/**
 * undo_push() - Remember the inverse of the step that just succeeded
 * @undo:	Stack; overflowing it is a bug and asserts
 * @fn:		Inverse
 * @step:	Its argument; must outlive @undo
 */
void undo_push(struct undo *undo, undo_fn fn, void *step);

/** undo_commit() - Success: forget the inverses */
void undo_commit(struct undo *undo);

/** undo_run() - Run what is left, last first; called by cleanup_undo */
void undo_run(struct undo *undo);

#define cleanup_undo cleanup(undo_run)

#endif
