/*
 * kube-storm PROGRAM CONFIG[,CONFIG...] OPERATIONS WORKERS SEED MANNER NODE=PID...
 *
 * Runtimes that attach and detach at random on several nodes, WORKERS on each,
 * and kill one call in twelve at a random moment. A worker calls with one of the
 * configurations, of which each node has all. It has a few pods whose
 * sandboxes come and go; as a runtime it repeats or gives up an ADD that failed,
 * starts the pod anew before the old sandbox's DEL, or sends that DEL again. One
 * more ADD of what is attached must fail and change nothing.
 *
 * MANNER has words: with "links" a pod has an interface, which is asked for its
 * address; a "faithful" runtime forgets no sandbox over a reboot, and otherwise
 * starts no pod anew before the old sandbox's DEL.
 *
 * From the answer of an ADD to the beginning of its DEL an address is held. That
 * is all that is said here; audit.sh finds out whether it is true:
 *
 *	call MS MS NODE VERB ID HOW	CLOCK_MONOTONIC; done, failed or killed
 *	hold MS NODE ID ADDRESS
 *	drop MS NODE ID ADDRESS
 *	wrong: ...			an answer that no fault explains
 *
 * Lines on stdin, which are repeated on stdout when they are done:
 *
 *	down NODE	its processes are killed, and what it holds is dropped; its
 *			namespaces are not used any more
 *	up NODE=PID	it has booted; some of the DELs that the runtime owes are
 *			sent then
 *	calm		when "done" was printed: what is in doubt is deleted, what
 *			is held stays so
 *
 * The last line has the counts.
 */

#include "test/kube/crowd.h"

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLOTS   8
#define LATE    32
#define ID      48
#define RETRY   100 /* of a DEL in the calm */
#define NODES   8
#define WORKERS 256

enum slot_state {
	SLOT_FREE,
	SLOT_DOUBT, /* an ADD of it failed or was killed */
	SLOT_HELD,
	SLOT_GOING, /* a DEL of it failed or was killed */
};

struct slot {
	enum slot_state state;
	char id[ID];
	char address[64];
	unsigned int generation;
};

struct station {
	char name[64];
	atomic_int pid; /* of a process in its namespaces; 0: it is down */
	atomic_int parked; /* workers that know */
};

/* What all see */
struct shared {
	atomic_long left;
	atomic_int working;
	atomic_bool calm;
	atomic_long adds, add_failures, dels, del_failures, seconds;
	atomic_long killed, wrong, downs;
	atomic_int plugin[WORKERS]; /* what a worker waits for */
	struct station stations[NODES];
};

struct worker {
	struct shared *shared;
	struct station *station;
	const char *program;
	const char *config;
	bool links;
	bool faithful;
	struct crowd_node node;
	char prefix[17]; /* of containers */
	unsigned int number;
	uint64_t dice;
	struct slot slots[SLOTS];
	char late[LATE][ID]; /* sandboxes whose DEL is yet to come */
	struct crowd_answer answer;
};

enum outcome {
	DONE,
	FAILED,
	KILLED
};
static const char *const outcomes[] = { "done", "failed", "killed" };

/* xorshift64: the same storm for the same seed, as far as the machine goes */
static unsigned int roll(struct worker *w, unsigned int sides)
{
	w->dice ^= w->dice << 13;
	w->dice ^= w->dice >> 7;
	w->dice ^= w->dice << 17;
	return (unsigned int)(w->dice >> 33) % sides;
}

/* One write, so that lines of many processes stay lines */
__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	char line[2048];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		err(1, "write");
}

/* --- one call -------------------------------------------------------------------- */

static void sleep_us(unsigned int us)
{
	const struct timespec ts = { us / 1000000, (us % 1000000) * 1000L };

	nanosleep(&ts, NULL);
}

/* Its number is not another's as long as it can be killed by it. */
static int await(struct worker *w, pid_t pid)
{
	siginfo_t info;
	int status;

	w->shared->plugin[w->number] = pid;
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0)
		err(1, "wait");
	w->shared->plugin[w->number] = 0;
	if (waitpid(pid, &status, 0) < 0)
		err(1, "wait");
	return status;
}

static enum outcome judge(struct worker *w, const char *verb, const char *id,
			  int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		w->shared->killed++;
		return KILLED;
	}
	if (!WIFEXITED(status)) {
		w->shared->wrong++;
		say("wrong: %s of %s ended with signal %d", verb, id,
		    WTERMSIG(status));
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? DONE : FAILED;
}

static enum outcome call(struct worker *w, const char *verb, const char *id,
			 unsigned int slot, bool deadly)
{
	char pod[32];
	char uid[64];
	struct crowd_call what = { &w->node, w->program, w->config, verb,
				   id,       pod,        uid,       0 };
	double began = crowd_now();
	enum outcome outcome;
	int status;
	int out;
	pid_t pid;

	snprintf(pod, sizeof(pod), "pod-%u-%u", w->number, slot);
	snprintf(uid, sizeof(uid), "00000000-0000-4000-8000-%04u%04u%04u",
		 w->number, slot, w->slots[slot].generation % 10000);
	pid = crowd_start(&what, &out);
	if (deadly) {
		sleep_us(roll(w, 1 + roll(w, 40000)));
		kill(pid, SIGKILL);
	}
	status = await(w, pid);
	crowd_read(out, &w->answer);
	outcome = judge(w, verb, id, status);
	say("call %.3f %.3f %s %s %s %s", began, crowd_now(), w->node.name,
	    verb, id, outcomes[outcome]);
	return outcome;
}

static void journal(struct worker *w, const char *what, const struct slot *slot)
{
	say("%s %.3f %s %s %s", what, crowd_now(), w->node.name, slot->id,
	    slot->address);
}

static void take(struct worker *w, struct slot *slot)
{
	slot->state = SLOT_HELD;
	memcpy(slot->address, w->answer.address, sizeof(slot->address));
	journal(w, "hold", slot);
	if (w->links && !crowd_sandbox_has(&w->node, slot->id, slot->address)) {
		w->shared->wrong++;
		say("wrong: %s has no interface with %s", slot->id,
		    slot->address);
	}
}

static void drop(struct worker *w, struct slot *slot)
{
	if (slot->state == SLOT_HELD)
		journal(w, "drop", slot);
}

/* --- what a runtime does --------------------------------------------------------- */

static void add(struct worker *w, unsigned int number, bool deadly)
{
	struct slot *slot = &w->slots[number];

	w->shared->adds++;
	switch (call(w, "ADD", slot->id, number, deadly)) {
	case DONE:
		take(w, slot);
		return;
	case FAILED:
		w->shared->add_failures++;
		say("ADD of %s: %s", slot->id, w->answer.text);
		break;
	case KILLED:
		break;
	}
	slot->state = SLOT_DOUBT;
}

static void start(struct worker *w, unsigned int number, bool deadly)
{
	struct slot *slot = &w->slots[number];

	snprintf(slot->id, sizeof(slot->id), "%s-%u-%u-%u", w->prefix,
		 w->number, number, ++slot->generation);
	crowd_sandbox(&w->node, slot->id);
	add(w, number, deadly);
}

static bool del(struct worker *w, const char *id, unsigned int number,
		bool deadly)
{
	enum outcome outcome;

	w->shared->dels++;
	outcome = call(w, "DEL", id, number, deadly);
	if (outcome == FAILED) {
		w->shared->del_failures++;
		say("DEL of %s: %s", id, w->answer.text);
	}
	if (outcome == DONE)
		crowd_sandbox_drop(&w->node, id);
	return outcome == DONE;
}

static void end(struct worker *w, unsigned int number, bool deadly)
{
	struct slot *slot = &w->slots[number];

	drop(w, slot);
	slot->state = del(w, slot->id, number, deadly) ? SLOT_FREE : SLOT_GOING;
}

/* An interface that is there keeps its address, also if this one is killed.
 * Without one the first ADD is taken for one that failed. */
static void add_again(struct worker *w, unsigned int number, bool deadly)
{
	struct slot *slot = &w->slots[number];

	w->shared->seconds++;
	if (!w->links) {
		drop(w, slot);
		add(w, number, deadly);
		return;
	}
	if (call(w, "ADD", slot->id, number, deadly) == DONE) {
		w->shared->wrong++;
		say("wrong: a second ADD of %s gives %s", slot->id,
		    w->answer.address);
	}
}

/* The pod begins anew; the DEL of its old sandbox is yet to come. */
static void leave(struct worker *w, unsigned int number)
{
	for (unsigned int i = 0; i < LATE; i++)
		if (!*w->late[i]) {
			memcpy(w->late[i], w->slots[number].id, ID);
			w->slots[number].state = SLOT_FREE;
			return;
		}
}

/* NAME-WORKER-POD-GENERATION */
static unsigned int pod_of(const char *id)
{
	const char *generation = strrchr(id, '-');
	const char *at = generation;

	while (at > id && at[-1] != '-')
		at--;
	return (unsigned int)atoi(at);
}

static void del_late(struct worker *w, bool deadly)
{
	unsigned int first = roll(w, LATE);

	for (unsigned int i = 0; i < LATE; i++) {
		char *id = w->late[(first + i) % LATE];

		if (!*id)
			continue;
		if (del(w, id, pod_of(id), deadly))
			*id = '\0';
		return;
	}
}

static void step(struct worker *w)
{
	unsigned int number = roll(w, SLOTS);
	unsigned int choice = roll(w, 100);
	bool deadly = roll(w, 100) < 8;

	switch (w->slots[number].state) {
	case SLOT_FREE:
		start(w, number, deadly);
		break;
	case SLOT_HELD:
		if (choice < 5)
			add_again(w, number, deadly);
		else
			end(w, number, deadly);
		break;
	case SLOT_DOUBT:
		if (choice < 30)
			add(w, number, deadly);
		else if (choice < 50 && !w->faithful)
			leave(w, number);
		else
			end(w, number, deadly);
		break;
	case SLOT_GOING:
		if (choice < 20 && !w->faithful)
			leave(w, number);
		else
			end(w, number, deadly);
		break;
	}
	if (choice % 4 == 0)
		del_late(w, deadly);
}

/* --- the calm ----------------------------------------------------------------------- */

static void must_del(struct worker *w, const char *id, unsigned int number)
{
	for (int i = 0; i < RETRY; i++) {
		if (del(w, id, number, false))
			return;
		sleep_us(100000);
	}
	w->shared->wrong++;
	say("wrong: %s cannot be deleted", id);
}

static void settle(struct worker *w)
{
	for (unsigned int i = 0; i < LATE; i++)
		if (*w->late[i])
			must_del(w, w->late[i], pod_of(w->late[i]));
	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *slot = &w->slots[i];

		if (slot->state == SLOT_HELD)
			say("held %s %s %s", w->node.name, slot->id,
			    slot->address);
		else if (slot->state != SLOT_FREE)
			must_del(w, slot->id, i);
	}
}

/* --- reboots ------------------------------------------------------------------------ */

/* Of some sandboxes that its boot ended a runtime still knows; what it cannot
 * remember it goes on trying to end. */
static void forget(struct worker *w)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *slot = &w->slots[i];

		if (slot->state == SLOT_FREE)
			continue;
		drop(w, slot);
		slot->state = SLOT_GOING;
		if (w->faithful || roll(w, 2) == 0)
			leave(w, i);
		if (!w->faithful)
			slot->state = SLOT_FREE;
	}
}

/* Nothing of ours may keep the namespaces of a node that is down. */
static void park(struct worker *w)
{
	crowd_node_close(&w->node);
	w->station->parked++;
	while (w->station->pid == 0)
		sleep_us(10000);
	w->station->parked--;
}

static void attend(struct worker *w)
{
	char word[96];

	if (w->node.pid == w->station->pid)
		return;
	if (w->node.pid > 0)
		forget(w);
	if (w->station->pid == 0)
		park(w);
	snprintf(word, sizeof(word), "%s=%d", w->station->name,
		 w->station->pid);
	w->node = crowd_node_open(word);
}

static void work(struct worker *w)
{
	while (atomic_fetch_sub(&w->shared->left, 1) > 0) {
		attend(w);
		step(w);
	}
	w->shared->working--;
	while (!w->shared->calm) {
		attend(w);
		sleep_us(20000);
	}
	settle(w);
	exit(0);
}

/* --- commands ------------------------------------------------------------------------ */

struct storm {
	struct shared *shared;
	int n_nodes;
	int per_node;
};

static struct station *station_of(struct storm *storm, const char *name,
				  size_t len)
{
	for (int i = 0; i < storm->n_nodes; i++) {
		struct station *station = &storm->shared->stations[i];

		if (strlen(station->name) == len &&
		    memcmp(station->name, name, len) == 0)
			return station;
	}
	errx(2, "%s: no such node", name);
}

/* What begins in this moment is found by the next look. */
static void down(struct storm *storm, struct station *station)
{
	struct shared *shared = storm->shared;

	shared->downs++;
	station->pid = 0;
	while (station->parked < storm->per_node) {
		for (int i = (int)(station - shared->stations);
		     i < storm->per_node * storm->n_nodes; i += storm->n_nodes)
			if (shared->plugin[i] > 0)
				kill(shared->plugin[i], SIGKILL);
		sleep_us(5000);
	}
}

static void up(struct station *station, int pid)
{
	station->pid = pid;
	while (station->parked > 0)
		sleep_us(1000);
}

static void obey(struct storm *storm, const char *word)
{
	const char *pid = strchr(word, '=');

	if (strcmp(word, "calm") == 0)
		storm->shared->calm = true;
	else if (strncmp(word, "down ", 5) == 0)
		down(storm, station_of(storm, word + 5, strlen(word + 5)));
	else if (strncmp(word, "up ", 3) == 0 && pid)
		up(station_of(storm, word + 3, (size_t)(pid - word - 3)),
		   atoi(pid + 1));
	else
		errx(2, "\"%s\" is no command", word);
	say("%s", word);
}

static void serve(struct storm *storm)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	bool is_done = false;
	char line[96];

	while (!storm->shared->calm) {
		if (!is_done && storm->shared->working == 0) {
			is_done = true;
			say("done");
		}
		if (poll(&in, 1, 50) <= 0)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			errx(2, "no more commands");
		line[strcspn(line, "\n")] = '\0';
		obey(storm, line);
	}
}

/* --- all -------------------------------------------------------------------------------- */

static void report(const struct shared *s, double took)
{
	say("storm: %ld ADD (%ld refused), %ld DEL (%ld refused), %ld second "
	    "ADD, %ld killed, %ld reboots, %.1f s, %ld wrong",
	    s->adds, s->add_failures, s->dels, s->del_failures, s->seconds,
	    s->killed, s->downs, took / 1000, s->wrong);
}

static void station_init(struct station *station, const char *word)
{
	const char *pid = strchr(word, '=');

	if (!pid || (size_t)(pid - word) >= sizeof(station->name))
		errx(2, "%s: not NAME=PID", word);
	memcpy(station->name, word, (size_t)(pid - word));
	station->pid = atoi(pid + 1);
}

/* The @number-th of a list with commas, from the first again behind the last;
 * yours */
static char *word_of(const char *list, unsigned int number)
{
	const char *word = list;

	for (; number > 0; number--) {
		const char *comma = strchr(word, ',');

		word = comma ? comma + 1 : list;
	}
	return strndup(word, strcspn(word, ","));
}

static void begin(struct storm *storm, char **argv, unsigned int number)
{
	char *config = word_of(argv[2], number / (unsigned int)storm->n_nodes);
	const char *base;
	struct worker w = {
		.shared = storm->shared,
		.program = argv[1],
		.config = config,
		.links = strstr(argv[6], "links"),
		.faithful = strstr(argv[6], "faithful"),
		.station =
			&storm->shared->stations[number %
						 (unsigned int)storm->n_nodes],
		.node = { .pid = -1, .net = -1, .mnt = -1 },
		.number = number,
		.dice = (uint64_t)atol(argv[5]) * 2654435761u + number + 1,
	};

	if (!config)
		err(1, "a configuration's name");
	base = strrchr(config, '/');
	snprintf(w.prefix, sizeof(w.prefix), "%s", base ? base + 1 : config);
	if (fork() == 0)
		work(&w);
	free(config);
}

int main(int argc, char **argv)
{
	struct storm storm = { .n_nodes = argc - 7 };
	double began = crowd_now();
	bool well = true;
	int status;

	if (argc < 8 || argc > 7 + NODES || atoi(argv[4]) < 1 ||
	    atoi(argv[4]) * (argc - 7) > WORKERS)
		errx(2, "usage: kube-storm PROGRAM CONFIG OPERATIONS WORKERS "
			"SEED MANNER NODE=PID...");
	storm.shared = mmap(NULL, sizeof(*storm.shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (storm.shared == MAP_FAILED)
		err(1, "mmap");
	storm.shared->left = atol(argv[3]);
	storm.per_node = atoi(argv[4]);
	storm.shared->working = storm.per_node * storm.n_nodes;
	for (int i = 0; i < storm.n_nodes; i++)
		station_init(&storm.shared->stations[i], argv[7 + i]);
	for (int i = 0; i < storm.per_node * storm.n_nodes; i++)
		begin(&storm, argv, (unsigned int)i);
	serve(&storm);
	while (wait(&status) > 0)
		well = well && status == 0;
	report(storm.shared, crowd_now() - began);
	return well && storm.shared->wrong == 0 ? 0 : 1;
}
