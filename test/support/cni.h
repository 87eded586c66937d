#ifndef TEST_SUPPORT_CNI_H
#define TEST_SUPPORT_CNI_H

/*
 * The built hostshim, called as a runtime calls it. What goes wrong here is no
 * finding about the product: helpers print it and abort.
 */

#include "lib/cleanup.h"
#include "test/support/kill.h"
#include "test/support/run.h"

#include <stdbool.h>

/**
 * cni_init() - A clean node: fresh network namespace, empty /run and /var/lib
 *
 * In the test's private mount namespace; for .init.
 */
void cni_init(void);

/* What is not set has a default: container "c1", interface "net1", no pod. */
struct cni_call {
	const char *verb;
	const char *config;
	const char *id;
	const char *ifname;
	int pod; /* descriptor of the pod's namespace; 0: CNI_NETNS from netns */
	const char *netns;
	int node; /* descriptor of the node's namespace; 0: the test's */
	const char *args;
	const char *path; /* CNI_PATH; "-": not set */
	const char *env; /* one more assignment */
};

struct cni_answer {
	int status;
	char *out; /* the document on stdout, or "" */
	char *err; /* stderr */
};
void cni_answer_clear(struct cni_answer *answer);
#define cleanup_cni_answer cleanup(cni_answer_clear)

/** cni_call() - Run it. The answer is checked to be an answer: a document on
 * stdout where one belongs, within 30 s, no sanitizer's word on stderr */
void cni_call(const struct cni_call *call, struct cni_answer *ret);

/** cni_kill() - Run it, struck by the tracer (kill.h); the answer is not checked */
void cni_kill(const struct cni_call *call, const struct kill_plan *plan,
	      struct kill_answer *ret);

/** cni_spawn() - Start it without waiting; returns its own pid, for waitpid(2)
 * and kill(2). What it says is lost */
int cni_spawn(const struct cni_call *call);

/** cni_start() - Run it without waiting; returns a pid for waitpid(2). Its output
 * goes to files "<stem>.out" and "<stem>.err" */
int cni_start(const struct cni_call *call, const char *stem);

/**
 * cni_get() - A value of the answer's document, as text
 * @path:	Members and elements: "ips.0.address"
 * @buf:	Receives it; "" if there is none
 */
#define CNI_TEXT 1024
const char *cni_get(const struct cni_answer *answer, const char *path,
		    char buf[static CNI_TEXT]);

/** cni_code() - The error's code, 0 if the call succeeded */
int cni_code(const struct cni_answer *answer);

/** cni_prev() - @config with the answer as prevResult; yours */
char *cni_prev(const char *config, const struct cni_answer *answer);

#endif
