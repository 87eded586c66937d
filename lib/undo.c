#include "lib/undo.h"

#include "lib/log.h"

#include <assert.h>

void undo_push(struct undo *undo, undo_fn fn, void *step)
{
	assert(undo->count < UNDO_CAPACITY);
	undo->steps[undo->count++] = (struct undo_step){ fn, step };
}

void undo_commit(struct undo *undo)
{
	undo->count = 0;
}

void undo_run(struct undo *undo)
{
	while (undo->count > 0) {
		const struct undo_step *last = &undo->steps[--undo->count];
		struct error err = { 0 };

		if (last->fn(last->step, &err) < 0)
			log_warning("undo: %s",
				    err.details[0] ? err.details : err.msg);
	}
}
