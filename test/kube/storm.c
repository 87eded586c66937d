/*
 * kube-storm PROGRAM CONFIG OPERATIONS WORKERS SEED CALM LINKS NODE=PID...
 *
 * Runtimes that attach and detach at random on several nodes, WORKERS on each,
 * while the plugins are killed and a proxy does its worst. A worker has a few
 * pods whose sandboxes come and go; as a runtime it repeats or gives up an ADD
 * that failed, starts the pod anew before the old sandbox's DEL, or sends that
 * DEL again. One more ADD of what is attached must fail and change nothing.
 *
 * From the answer of an ADD to the beginning of its DEL an address is held. A
 * table that all workers share has the holder of each address, so a second
 * one is seen at once: that is a duplicate. With LINKS the pod's interface is
 * asked too. When OPERATIONS calls have been made, "calm" is printed and the
 * file CALM waited for, so that somebody can end the faults; what is in doubt is
 * then deleted, and what is held is printed: "held NODE ID ADDRESS". The last
 * line has the counts.
 */

#include "test/kube/crowd.h"

#include <arpa/inet.h>
#include <err.h>
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

#define SLOTS 8
#define LATE  4
#define ID    48
#define RETRY 100 /* of a DEL in the calm */

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

/* What all see */
struct shared {
	atomic_long left;
	atomic_int working;
	atomic_long adds, add_failures, dels, del_failures, seconds;
	atomic_long killed, duplicates, wrong;
	atomic_uint owner[65536]; /* by the address' last 16 bits */
};

struct worker {
	struct shared *shared;
	const char *program;
	const char *config;
	bool links;
	struct crowd_node *node;
	const char *prefix; /* of containers */
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

static enum outcome call(struct worker *w, const char *verb, const char *id,
			 unsigned int slot, bool deadly)
{
	char pod[32];
	char uid[64];
	struct crowd_call what = { w->node, w->program, w->config, verb,
				   id,      pod,        uid };
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
	if (waitpid(pid, &status, 0) < 0)
		err(1, "wait");
	crowd_read(out, &w->answer);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && deadly) {
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

static atomic_uint *owner_of(struct worker *w, const char *address)
{
	struct in_addr addr;

	if (inet_pton(AF_INET, address, &addr) != 1)
		errx(1, "\"%s\" is no address", address);
	return &w->shared->owner[ntohl(addr.s_addr) & 0xffff];
}

static void take(struct worker *w, struct slot *slot, unsigned int number)
{
	unsigned int nobody = 0;

	memcpy(slot->address, w->answer.address, sizeof(slot->address));
	if (!atomic_compare_exchange_strong(owner_of(w, slot->address), &nobody,
					    number)) {
		w->shared->duplicates++;
		say("duplicate: %s on %s has %s, which worker %u has", slot->id,
		    w->node->name, slot->address, nobody / SLOTS);
	}
	if (w->links && !crowd_sandbox_has(w->node, slot->id, slot->address)) {
		w->shared->wrong++;
		say("wrong: %s has no interface with %s", slot->id,
		    slot->address);
	}
}

static void drop(struct worker *w, struct slot *slot)
{
	if (slot->state == SLOT_HELD)
		atomic_store(owner_of(w, slot->address), 0);
}

/* --- what a runtime does --------------------------------------------------------- */

static void add(struct worker *w, unsigned int number, bool deadly)
{
	struct slot *slot = &w->slots[number];

	w->shared->adds++;
	switch (call(w, "ADD", slot->id, number, deadly)) {
	case DONE:
		slot->state = SLOT_HELD;
		take(w, slot, w->number * SLOTS + number + SLOTS);
		return;
	case FAILED:
		w->shared->add_failures++;
		if (w->answer.code != 11 && w->answer.code != 100) {
			w->shared->wrong++;
			say("wrong: ADD of %s: %s", slot->id, w->answer.text);
		}
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
	crowd_sandbox(w->node, slot->id);
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
		crowd_sandbox_drop(w->node, id);
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

static void del_late(struct worker *w, bool deadly)
{
	unsigned int i = roll(w, LATE);

	if (*w->late[i] && del(w, w->late[i], 0, deadly))
		*w->late[i] = '\0';
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
		else if (choice < 50)
			leave(w, number);
		else
			end(w, number, deadly);
		break;
	case SLOT_GOING:
		if (choice < 20)
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
			must_del(w, w->late[i], 0);
	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *slot = &w->slots[i];

		if (slot->state == SLOT_HELD)
			say("held %s %s %s", w->node->name, slot->id,
			    slot->address);
		else if (slot->state != SLOT_FREE)
			must_del(w, slot->id, i);
	}
}

static void work(struct worker *w, const char *calm)
{
	while (atomic_fetch_sub(&w->shared->left, 1) > 0)
		step(w);
	if (atomic_fetch_sub(&w->shared->working, 1) == 1)
		say("calm");
	while (access(calm, F_OK) < 0)
		sleep_us(50000);
	settle(w);
	exit(0);
}

/* --- all -------------------------------------------------------------------------------- */

static void report(const struct shared *s, double took)
{
	say("storm: %ld ADD (%ld refused), %ld DEL (%ld refused), %ld second "
	    "ADD, %ld killed, %.1f s; %ld duplicate, %ld wrong",
	    s->adds, s->add_failures, s->dels, s->del_failures, s->seconds,
	    s->killed, took / 1000, s->duplicates, s->wrong);
}

int main(int argc, char **argv)
{
	struct shared *shared = mmap(NULL, sizeof(*shared),
				     PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double began = crowd_now();
	int per_node;
	int status;
	bool well = true;

	if (argc < 9 || shared == MAP_FAILED)
		errx(2, "usage: kube-storm PROGRAM CONFIG OPERATIONS WORKERS "
			"SEED CALM LINKS NODE=PID...");
	shared->left = atol(argv[3]);
	per_node = atoi(argv[4]);
	shared->working = per_node * (argc - 8);
	for (int i = 0; i < per_node * (argc - 8); i++) {
		struct crowd_node node =
			crowd_node_open(argv[8 + i % (argc - 8)]);
		struct worker w = {
			.shared = shared,
			.program = argv[1],
			.config = argv[2],
			.links = atoi(argv[7]),
			.node = &node,
			.prefix = argv[5],
			.number = (unsigned int)i,
			.dice = (uint64_t)atol(argv[5]) * 2654435761u +
				(uint64_t)i + 1,
		};
		if (fork() == 0)
			work(&w, argv[6]);
	}
	while (wait(&status) > 0)
		well = well && status == 0;
	report(shared, crowd_now() - began);
	return well && shared->duplicates == 0 && shared->wrong == 0 ? 0 : 1;
}
