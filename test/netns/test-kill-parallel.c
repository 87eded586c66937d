#include "test/netns/crash.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

/*
 * Fifty calls at once, some of them killed at some moment, on a node where
 * nothing is there yet. No address is ever on two links, whoever dies; and when
 * a DEL of each has succeeded, nothing is left.
 */

TestSuite(kill_parallel, .init = seed_open, .fini = seed_close, .timeout = 240);

#define ROUNDS 5

static const char config[] =
	"{ " SEED_OVERLAY ", \"ipam\": { \"type\": \"hostshim\", "
	"\"reuseDelay\": 0, \"range\": \"10.100.1.0/24\", "
	"\"range_start\": \"10.100.1.16\", \"range_end\": \"10.100.1.99\" } }";

struct storm {
	struct crash crash;
	unsigned int random; /* the same sequence in each run */
	pid_t pids[CRASH_PODS]; /* 0: not running */
	int codes[CRASH_PODS]; /* exit status, -1: killed */
};

static unsigned int chance(struct storm *storm, unsigned int of)
{
	return (unsigned int)rand_r(&storm->random) % of;
}

static void start(struct storm *storm, const char *verb, size_t pod)
{
	const struct cni_call call = crash_call(&storm->crash, verb, pod);

	storm->pids[pod] = cni_spawn(&call);
}

static size_t reap(struct storm *storm)
{
	size_t running = 0;

	for (size_t i = 0; i < CRASH_PODS; i++) {
		int status;

		if (storm->pids[i] == 0)
			continue;
		if (waitpid(storm->pids[i], &status, WNOHANG) == 0) {
			running++;
			continue;
		}
		storm->pids[i] = 0;
		storm->codes[i] = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	}
	return running;
}

/* The first that runs, from somewhere on. */
static void kill_one(struct storm *storm)
{
	size_t from = chance(storm, CRASH_PODS);

	for (size_t i = 0; i < CRASH_PODS; i++) {
		pid_t pid = storm->pids[(from + i) % CRASH_PODS];

		if (pid == 0)
			continue;
		kill(pid, SIGKILL);
		storm->crash.injections++;
		return;
	}
}

/* While the calls are started, and until all have ended. */
static void disturb(struct storm *storm)
{
	reap(storm);
	if (chance(storm, 3) == 0)
		kill_one(storm);
}

static void watch(struct storm *storm)
{
	while (reap(storm) > 0) {
		if (chance(storm, 2) == 0)
			kill_one(storm);
		if (chance(storm, 4) == 0)
			crash_expect_no_address_twice(&storm->crash);
		ns_sleep_ms(chance(storm, 4));
	}
}

/* One that was not killed has succeeded: its answer is a promise. */
static void expect_promised(struct storm *storm)
{
	for (size_t i = 0; i < CRASH_PODS; i++)
		if (storm->codes[i] == 0)
			crash_expect_attached(&storm->crash, i);
}

static void add_all(struct storm *storm)
{
	for (size_t i = 0; i < CRASH_PODS; i++) {
		start(storm, "ADD", i);
		disturb(storm);
	}
	watch(storm);
	expect_promised(storm);
	crash_expect_disjoint(&storm->crash);
}

/* Some go while others come, and those whose ADD was killed come again. */
static void mix_all(struct storm *storm)
{
	for (size_t i = 0; i < CRASH_PODS; i++) {
		bool leaves = storm->codes[i] == 0 && chance(storm, 2) == 0;

		start(storm, leaves ? "DEL" : "ADD", i);
		disturb(storm);
	}
	watch(storm);
	crash_expect_disjoint(&storm->crash);
}

static void del_all(struct storm *storm)
{
	for (size_t i = 0; i < CRASH_PODS; i++)
		start(storm, "DEL", i);
	while (reap(storm) > 0)
		ns_sleep_ms(2);
	for (size_t i = 0; i < CRASH_PODS; i++) {
		if (storm->codes[i] != 0)
			crash_leak(&storm->crash, "DEL of c%zu fails", i);
		crash_expect_detached(&storm->crash, i);
	}
}

Test(kill_parallel, fifty_at_once_some_of_them_killed)
{
	struct storm storm = { .random = 1 };
	cleanup_free char *undisturbed = NULL;

	crash_open(&storm.crash, "50 at once", config, CRASH_PODS);
	crash_must(&storm.crash, "ADD", 0);
	crash_must(&storm.crash, "DEL", 0);
	undisturbed = ns_snapshot(-1);
	for (int i = 0; i < ROUNDS; i++) {
		crash_reset_node(&storm.crash);
		add_all(&storm);
		mix_all(&storm);
		del_all(&storm);
		crash_must(&storm.crash, "ADD", 0);
		crash_must(&storm.crash, "DEL", 0);
		crash_expect_node(&storm.crash, undisturbed);
	}
	crash_report(&storm.crash);
	crash_close(&storm.crash);
}
