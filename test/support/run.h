#ifndef TEST_SUPPORT_RUN_H
#define TEST_SUPPORT_RUN_H

/*
 * Run a program as a CNI runtime does: environment, stdin, and then wait for
 * the end of its outputs and of the process, which are two things.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Instead of a descriptor of the test's own (> 0). */
#define RUN_PIPE   0 /* what all-zero means: input, and what is said is kept */
#define RUN_CLOSED (-1)

struct run_request {
	const char *const *argv; /* ends with NULL; the first is the path */
	const char *const *env; /* ends with NULL; nothing else is inherited,
				 * but for the sanitizers' options */
	const char *input;
	size_t input_len; /* 0: strlen(input) */
	bool input_open; /* stdin does not end after it */
	int in;
	int out;
	int err;
	unsigned int timeout_ms; /* then SIGKILL; 0: 30 s */
};

struct run_answer {
	int status; /* exit status, or -1: died by a signal */
	int signal;
	bool timed_out;
	char *out; /* NUL-terminated; "" if not a pipe */
	size_t out_len;
	char *err;
	size_t err_len;
	unsigned int exit_ms; /* from the start to the process' end */
	unsigned int eof_ms; /* from the start to the end of both outputs */
};
void run_answer_clear(struct run_answer *answer);

/** run_program() - Start it and wait; what fails here aborts the test */
void run_program(const struct run_request *request, struct run_answer *ret);

/** run_detached() - Start it, with input and without outputs; returns its pid */
int run_detached(const struct run_request *request);

#endif
