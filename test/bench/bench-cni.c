/*
 * bench-cni ROUNDS CONTESTANT...		CONTESTANT: NAME PROGRAM CNI_PATH CONFIG
 *
 * ADD and DEL of whole processes, as a runtime sees them: from the start of the
 * process to its end. The contestants take turns in each round, each with a
 * fresh pod namespace, so that a drift of the machine meets all of them alike.
 * Printed are the tenth, fiftieth and ninetieth percentile of the time that
 * passed (the first is what remains on a machine that does other work too), the
 * median of the processor's time, and the peak of resident memory. CONFIG "-"
 * asks for VERSION, which reads and touches nothing: what starting the program
 * costs. A contestant that tells its steps (bench-steps) gets a table of them.
 */

#include "lib/cleanup.h"
#include "test/bench/steps.h"

#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENV_TEXT 512
#define ENV_SIZE 8
#define WARM_UP  3
#define STEPS_FD 9

enum {
	BENCH_ADD,
	BENCH_DEL,
	BENCH_VERBS
};

static const char *const verb_names[] = { "ADD", "DEL" };

struct contestant {
	const char *name;
	const char *program;
	const char *cni_path;
	const char *config;
	int in; /* its configuration */
	double *times[BENCH_VERBS]; /* microseconds */
	double *busy[BENCH_VERBS]; /* of the processor */
	double *before[BENCH_VERBS]; /* main(), and after it */
	double *after[BENCH_VERBS];
	struct steps *steps[BENCH_VERBS];
	bool tells; /* its steps */
	long rss; /* KiB */
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* A namespace of which only the descriptor is left. */
static int new_netns(void)
{
	int self = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd;

	if (self < 0 || unshare(CLONE_NEWNET) < 0)
		err(1, "unshare");
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(self, CLONE_NEWNET) < 0)
		err(1, "setns");
	close(self);
	return fd;
}

static int load(const char *path)
{
	char buf[65536];
	int file = open(path, O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("config", MFD_CLOEXEC);
	ssize_t n = read(file, buf, sizeof(buf));

	if (n < 0 || write(fd, buf, (size_t)n) != n)
		err(1, "%s", path);
	close(file);
	return fd;
}

/* --- one process ---------------------------------------------------------------- */

static pid_t start(const struct contestant *c, const char *verb, int netns,
		   unsigned int id, int out, int told)
{
	static char text[ENV_SIZE][ENV_TEXT];
	char *env[ENV_SIZE + 1] = { 0 };
	char *argv[] = { strdup(c->program), NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	for (int i = 0; i < ENV_SIZE; i++)
		env[i] = text[i];
	snprintf(text[0], ENV_TEXT, "CNI_COMMAND=%s", verb);
	snprintf(text[1], ENV_TEXT, "CNI_CONTAINERID=bench-%u", id);
	snprintf(text[2], ENV_TEXT, "CNI_NETNS=/proc/%d/fd/%d", getpid(),
		 netns);
	snprintf(text[3], ENV_TEXT, "CNI_IFNAME=net1");
	snprintf(text[4], ENV_TEXT, "CNI_PATH=%s", c->cni_path);
	snprintf(text[5], ENV_TEXT, "NODENAME=k8s-1");
	snprintf(text[6], ENV_TEXT, STEPS_FD_VARIABLE "=%d", STEPS_FD);
	snprintf(text[7], ENV_TEXT,
		 "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;"
		 "K8S_POD_NAME=bench-%u",
		 id);
	posix_spawn_file_actions_init(&actions);
	if (c->in >= 0)
		posix_spawn_file_actions_adddup2(&actions, c->in, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, told, STEPS_FD);
	if (posix_spawn(&pid, c->program, &actions, NULL, argv, env) != 0)
		err(1, "%s", c->program);
	posix_spawn_file_actions_destroy(&actions);
	free(argv[0]);
	return pid;
}

static void fail(const struct contestant *c, const char *verb, int out)
{
	char buf[4096];
	ssize_t n = pread(out, buf, sizeof(buf) - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	errx(1, "%s: %s failed: %s", c->name, verb, buf);
}

static double seconds(const struct timeval *tv)
{
	return (double)tv->tv_sec + (double)tv->tv_usec / 1e6;
}

struct run {
	double from;
	double to;
	double busy;
	struct steps steps;
};

static struct run run(struct contestant *c, const char *verb, int netns,
		      unsigned int id)
{
	int out = memfd_create("out", MFD_CLOEXEC);
	int told = memfd_create("told", MFD_CLOEXEC);
	struct run ret = { 0 };
	struct rusage usage;
	pid_t pid;
	int status;

	if (c->in >= 0)
		lseek(c->in, 0, SEEK_SET);
	ret.from = now();
	pid = start(c, verb, netns, id, out, told);
	if (wait4(pid, &status, 0, &usage) < 0)
		err(1, "wait4");
	ret.to = now();
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail(c, verb, out);
	c->tells = pread(told, &ret.steps, sizeof(ret.steps), 0) ==
		   (ssize_t)sizeof(ret.steps);
	close(told);
	close(out);
	ret.busy = (seconds(&usage.ru_utime) + seconds(&usage.ru_stime)) * 1e6;
	if (usage.ru_maxrss > c->rss)
		c->rss = usage.ru_maxrss;
	return ret;
}

static void round_of(struct contestant *c, int round)
{
	int netns = new_netns();

	for (int verb = 0; verb < BENCH_VERBS; verb++) {
		struct run r = run(c, c->in >= 0 ? verb_names[verb] : "VERSION",
				   netns, (unsigned int)(round + WARM_UP));

		if (round < 0)
			continue;
		c->times[verb][round] = r.to - r.from;
		c->busy[verb][round] = r.busy;
		c->before[verb][round] = r.steps.at_main - r.from;
		c->after[verb][round] = r.to - r.steps.at_end;
		c->steps[verb][round] = r.steps;
	}
	close(netns);
}

/* --- all ------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return (difference > 0) - (difference < 0);
}

static double percentile(double *times, int count, int percent)
{
	qsort(times, (size_t)count, sizeof(*times), compare);
	return times[(count - 1) * percent / 100] / 1000;
}

static void print(const struct contestant *c, int rounds)
{
	printf("%-28s", c->name);
	for (int verb = 0; verb < BENCH_VERBS; verb++)
		printf(" %6.2f %6.2f %6.2f %5.2f",
		       percentile(c->times[verb], rounds, 10),
		       percentile(c->times[verb], rounds, 50),
		       percentile(c->times[verb], rounds, 90),
		       percentile(c->busy[verb], rounds, 50));
	printf(" %6ld\n", c->rss);
}

/* --- steps ------------------------------------------------------------------------ */

static const char *const step_names[] = {
	[STEP_REQUEST] = "environment and stdin",
	[STEP_CONFIG] = "configuration",
	[STEP_SESSIONS] = "netlink sockets, pod and host",
	[STEP_NODE] = "a look at overlay and shim",
	[STEP_RESERVE] = "reservation, committed",
	[STEP_LINK] = "link: made, looked up, named",
	[STEP_CONFIGURE] = "switches, addresses, UP",
	[STEP_ANNOUNCE] = "announcement (a child's start)",
	[STEP_CONFIRM] = "attachment, committed",
	[STEP_RESULT] = "result as JSON",
	[STEP_DELETE] = "link: looked up, deleted",
	[STEP_RELEASE] = "release, committed",
};

/* Median over the rounds of the number at @offset of each. */
static double step_median(const struct steps *steps, int rounds, size_t offset)
{
	double *values = calloc((size_t)rounds, sizeof(*values));
	double median;

	for (int i = 0; i < rounds; i++)
		memcpy(&values[i], (const char *)&steps[i] + offset,
		       sizeof(double));
	median = percentile(values, rounds, 50) * 1000;
	free(values);
	return median;
}

static double print_step(const struct steps *steps, int rounds, int step)
{
	size_t at = offsetof(struct steps, of) +
		    (size_t)step * sizeof(struct step_cost);
	double took = step_median(steps, rounds,
				  at + offsetof(struct step_cost, took));

	if (took > 0)
		printf("  %-32s %8.0f %8.0f %8.0f %8.0f %8.0f\n",
		       step_names[step], took,
		       step_median(steps, rounds,
				   at + offsetof(struct step_cost, netlink)),
		       step_median(steps, rounds,
				   at + offsetof(struct step_cost, messages)),
		       step_median(steps, rounds,
				   at + offsetof(struct step_cost, commit)),
		       step_median(steps, rounds,
				   at + offsetof(struct step_cost, faults)));
	return took;
}

static void print_steps(const struct contestant *c, int verb, int rounds)
{
	double whole = percentile(c->times[verb], rounds, 50) * 1000;
	double before = percentile(c->before[verb], rounds, 50) * 1000;
	double after = percentile(c->after[verb], rounds, 50) * 1000;
	double sum = before + after;

	printf("\n%s, %s, medians in microseconds\n  %-32s %8s %8s %8s %8s %8s\n",
	       c->name, verb_names[verb], "", "in all", "netlink", "messages",
	       "commit", "faults");
	printf("  %-32s %8.0f\n", "start of the process, to main()", before);
	for (int i = 0; i < STEP_COUNT; i++)
		sum += print_step(c->steps[verb], rounds, i);
	printf("  %-32s %8.0f\n", "end of the process, from main()", after);
	printf("  %-32s %8.0f\n", "between the steps", whole - sum);
	printf("  %-32s %8.0f\n", "whole", whole);
}

static struct contestant enter(char **words, int rounds)
{
	struct contestant c = {
		.name = words[0],
		.program = words[1],
		.cni_path = words[2],
		.config = words[3],
		.in = -1,
	};

	if (strcmp(c.config, "-") != 0)
		c.in = load(c.config);
	for (int verb = 0; verb < BENCH_VERBS; verb++) {
		c.times[verb] = calloc((size_t)rounds, sizeof(double));
		c.busy[verb] = calloc((size_t)rounds, sizeof(double));
		c.before[verb] = calloc((size_t)rounds, sizeof(double));
		c.after[verb] = calloc((size_t)rounds, sizeof(double));
		c.steps[verb] = calloc((size_t)rounds, sizeof(struct steps));
	}
	return c;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 0;
	int count = (argc - 2) / 4;
	struct contestant *all = calloc((size_t)argc, sizeof(*all));

	if (rounds < 1 || count < 1 || argc != 2 + 4 * count)
		errx(2, "usage: bench-cni ROUNDS "
			"{ NAME PROGRAM CNI_PATH CONFIG }...");
	for (int i = 0; i < count; i++)
		all[i] = enter(argv + 2 + 4 * i, rounds);
	for (int round = -WARM_UP; round < rounds; round++)
		for (int i = 0; i < count; i++)
			round_of(&all[i], round);

	printf("%-28s %-27s%-27s%7s\n%-28s %6s %6s %6s %5s %6s %6s %6s %5s"
	       " %6s\n",
	       "milliseconds", "    ADD", "    DEL", "RSS", "", "p10", "p50",
	       "p90", "CPU", "p10", "p50", "p90", "CPU", "KiB");
	for (int i = 0; i < count; i++)
		print(&all[i], rounds);
	for (int i = 0; i < count; i++)
		for (int verb = 0; verb < BENCH_VERBS; verb++)
			if (all[i].tells)
				print_steps(&all[i], verb, rounds);
	return 0;
}
