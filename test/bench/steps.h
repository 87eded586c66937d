#ifndef TEST_BENCH_STEPS_H
#define TEST_BENCH_STEPS_H

/*
 * What bench-steps tells bench-cni about one run: written to the descriptor that
 * is named in the environment. Times are CLOCK_MONOTONIC's, in microseconds.
 */

#define STEPS_FD_VARIABLE "BENCH_STEPS"

enum step {
	STEP_REQUEST,
	STEP_CONFIG,
	STEP_SESSIONS,
	STEP_NODE,
	STEP_RESERVE,
	STEP_LINK,
	STEP_CONFIGURE,
	STEP_ANNOUNCE,
	STEP_CONFIRM,
	STEP_RESULT,
	STEP_DELETE,
	STEP_RELEASE,
	STEP_COUNT
};

struct step_cost {
	double took;
	double netlink; /* of it: asking the kernel and waiting for the answer */
	double messages; /* how often */
	double commit; /* of it: the table's commit */
	double faults; /* pages that were touched for the first time */
};

struct steps {
	double at_main;
	double at_end;
	struct step_cost of[STEP_COUNT];
};

#endif
