#ifndef TEST_SUPPORT_KILL_H
#define TEST_SUPPORT_KILL_H

/*
 * Run a program and strike it at its n-th system call: a small tracer (ptrace).
 * The call is not made; what the program did before it is in the kernel and in
 * files, as after any death at that moment.
 *
 * Counting begins when the program reads its standard input: what the loader
 * does before is the same for every program. Either the program's own calls
 * count or those of its children: beside each other their order is chance.
 */

#include "test/support/run.h"

struct kill_plan {
	unsigned int nth; /* 1 is the first; 0: only count */
	int error; /* the call fails with it; 0: SIGKILL instead of the call */
	bool children; /* count, and strike, its children */
	bool changes; /* count only calls that may change what others see: to
		       * die before any other is to die before the next of
		       * these */
	const char *below; /* count only what changes files below this folder */
};

struct kill_answer {
	bool struck;
	unsigned int calls; /* counted, with the one that was struck */
	long number; /* of the call that was struck */
	int status; /* exit status, or -1: died by a signal */
	char *out;
	char *err;
};
void kill_answer_clear(struct kill_answer *answer);
#define cleanup_kill_answer cleanup(kill_answer_clear)

/** kill_program() - Start it, strike it, and wait for it and its children.
 * Of @request: argv, env and input. The caller has no other children */
void kill_program(const struct run_request *request,
		  const struct kill_plan *plan, struct kill_answer *ret);

/** kill_can_fail() - Can calls be made to fail on this machine's processor? */
bool kill_can_fail(void);

#endif
