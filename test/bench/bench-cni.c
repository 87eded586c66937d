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
 * costs.
 */

#include "lib/cleanup.h"

#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
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
#define WARM_UP  3

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
		   unsigned int id, int out)
{
	static char text[6][ENV_TEXT];
	char *env[] = { text[0], text[1], text[2], text[3],
			text[4], text[5], NULL };
	char *argv[] = { strdup(c->program), NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	snprintf(text[0], ENV_TEXT, "CNI_COMMAND=%s", verb);
	snprintf(text[1], ENV_TEXT, "CNI_CONTAINERID=bench-%u", id);
	snprintf(text[2], ENV_TEXT, "CNI_NETNS=/proc/%d/fd/%d", getpid(),
		 netns);
	snprintf(text[3], ENV_TEXT, "CNI_IFNAME=net1");
	snprintf(text[4], ENV_TEXT, "CNI_PATH=%s", c->cni_path);
	snprintf(text[5], ENV_TEXT, "NODENAME=k8s-1");
	posix_spawn_file_actions_init(&actions);
	if (c->in >= 0)
		posix_spawn_file_actions_adddup2(&actions, c->in, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
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

static double run(struct contestant *c, const char *verb, int netns,
		  unsigned int id, double *ret_busy)
{
	int out = memfd_create("out", MFD_CLOEXEC);
	struct rusage usage;
	double from;
	double to;
	pid_t pid;
	int status;

	if (c->in >= 0)
		lseek(c->in, 0, SEEK_SET);
	from = now();
	pid = start(c, verb, netns, id, out);
	if (wait4(pid, &status, 0, &usage) < 0)
		err(1, "wait4");
	to = now();
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail(c, verb, out);
	close(out);
	*ret_busy = (seconds(&usage.ru_utime) + seconds(&usage.ru_stime)) * 1e6;
	if (usage.ru_maxrss > c->rss)
		c->rss = usage.ru_maxrss;
	return to - from;
}

static void round_of(struct contestant *c, int round)
{
	int netns = new_netns();

	for (int verb = 0; verb < BENCH_VERBS; verb++) {
		double busy;
		double took = run(c, c->in >= 0 ? verb_names[verb] : "VERSION",
				  netns, (unsigned int)(round + WARM_UP),
				  &busy);

		if (round < 0)
			continue;
		c->times[verb][round] = took;
		c->busy[verb][round] = busy;
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
	return 0;
}
