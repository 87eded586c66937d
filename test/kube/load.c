/*
 * kube-load PROGRAM CONFIG VERB COUNT PARALLEL SECONDS PREFIX NODE=PID...
 *
 * COUNT calls of whole processes, taking turns over the nodes, PARALLEL at a
 * time (0: all at once). An ADD's sandbox is made before the clock starts;
 * containers are PREFIX-0 and so on. After SECONDS no more are begun, and what
 * still runs is killed. One that is told to try again (code 11) is tried again
 * within RETRY_MS, each at another time, as runtimes do. A line for each, in the
 * order in which they ended:
 *
 *	NODE ID BEGAN_MS ENDED_MS STATUS CODE ADDRESS TRIES
 *
 * and on stderr what failed. With LOAD_LINKS set, interfaces are asked in the end
 * for the addresses that were given; one without is a failure.
 */

#include "test/kube/crowd.h"

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRY_AGAIN 11
#define TRIES     20
#define RETRY_MS  3000

struct job {
	char id[64];
	int tries;
	char uid[64];
	pid_t pid;
	int out;
	double began;
	char address[64];
};

struct load {
	struct crowd_call call;
	struct crowd_node *nodes;
	int n_nodes;
	struct job *jobs;
	int count;
	int parallel;
	int running;
	double end;
};

static struct crowd_node *node_of(struct load *load, int i)
{
	return &load->nodes[i % load->n_nodes];
}

static void begin(struct load *load, int i)
{
	struct job *job = &load->jobs[i];
	struct crowd_call call = load->call;

	call.node = node_of(load, i);
	call.id = job->id;
	call.pod = job->id;
	call.uid = job->uid;
	if (job->tries++ == 0)
		job->began = crowd_now();
	else
		call.delay_ms = (unsigned int)random() % RETRY_MS;
	job->pid = crowd_start(&call, &job->out);
	load->running++;
}

static int find(const struct load *load, pid_t pid)
{
	for (int i = 0; i < load->count; i++)
		if (load->jobs[i].pid == pid)
			return i;
	errx(1, "process %d is nobody's", pid);
}

static void report(struct load *load, int i, int status)
{
	struct job *job = &load->jobs[i];
	struct crowd_answer answer;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;

	crowd_read(job->out, &answer);
	load->running--;
	if (answer.code == TRY_AGAIN && job->tries < TRIES &&
	    crowd_now() < load->end) {
		begin(load, i);
		return;
	}
	if (code != 0)
		fprintf(stderr, "%s %s: %d: %s\n", node_of(load, i)->name,
			job->id, code, answer.text);
	printf("%s %s %.3f %.3f %d %d %s %d\n", node_of(load, i)->name, job->id,
	       job->began, crowd_now(), code, answer.code,
	       *answer.address ? answer.address : "-", job->tries);
	memcpy(job->address, answer.address, sizeof(job->address));
	job->pid = 0;
}

static void stop(struct load *load)
{
	for (int i = 0; i < load->count; i++)
		if (load->jobs[i].pid > 0)
			kill(load->jobs[i].pid, SIGKILL);
}

/* One that ended; when time is up, all that have not. */
static void await(struct load *load)
{
	const struct timespec moment = { 0, 2000000 };
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) == 0) {
		if (crowd_now() >= load->end) {
			stop(load);
			pid = waitpid(-1, &status, 0);
			break;
		}
		nanosleep(&moment, NULL);
	}
	if (pid < 0)
		err(1, "wait");
	report(load, find(load, pid), status);
}

static void prepare(struct load *load, const char *prefix)
{
	for (int i = 0; i < load->count; i++) {
		struct job *job = &load->jobs[i];

		snprintf(job->id, sizeof(job->id), "%s-%d", prefix, i);
		snprintf(job->uid, sizeof(job->uid),
			 "00000000-0000-4000-8000-%012d", i);
		if (strcmp(load->call.verb, "ADD") == 0)
			crowd_sandbox(node_of(load, i), job->id);
	}
}

static void run(struct load *load)
{
	int next = 0;

	while (next < load->count && crowd_now() < load->end) {
		begin(load, next++);
		while (load->running == load->parallel)
			await(load);
	}
	while (load->running > 0)
		await(load);
}

static int look(struct load *load)
{
	int missing = 0;

	for (int i = 0; i < load->count; i++) {
		const struct job *job = &load->jobs[i];

		if (!*job->address ||
		    crowd_sandbox_has(node_of(load, i), job->id, job->address))
			continue;
		fprintf(stderr, "%s: no interface with %s\n", job->id,
			job->address);
		missing++;
	}
	return missing > 0;
}

int main(int argc, char **argv)
{
	struct load load = { 0 };
	double seconds;

	if (argc < 9)
		errx(2, "usage: kube-load PROGRAM CONFIG VERB COUNT PARALLEL "
			"SECONDS PREFIX NODE=PID...");
	load.call = (struct crowd_call){ .program = argv[1],
					 .config = argv[2],
					 .verb = argv[3] };
	load.count = atoi(argv[4]);
	load.parallel = atoi(argv[5]);
	seconds = atof(argv[6]);
	load.n_nodes = argc - 8;
	load.nodes = calloc((size_t)load.n_nodes, sizeof(*load.nodes));
	load.jobs = calloc((size_t)load.count + 1, sizeof(*load.jobs));
	for (int i = 0; i < load.n_nodes; i++)
		load.nodes[i] = crowd_node_open(argv[8 + i]);
	prepare(&load, argv[7]);
	load.end = crowd_now() + seconds * 1000;
	run(&load);
	return getenv("LOAD_LINKS") ? look(&load) : 0;
}
