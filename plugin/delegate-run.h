#ifndef PLUGIN_DELEGATE_RUN_H
#define PLUGIN_DELEGATE_RUN_H

/*
 * One run of a delegate: found, started, fed, heard, and ended in time.
 */

#include "plugin/request.h"

struct delegate_run {
	bool succeeded;
	char *out; /* its stdout, NUL-terminated */
	size_t out_len;
	char end[64]; /* "exit status 1", "killed by signal 9" */
};
void delegate_run_clear(struct delegate_run *run);
#define cleanup_delegate_run cleanup(delegate_run_clear)

/**
 * delegate_run() - Run the program @type of CNI_PATH
 *
 * It has until the request's deadline, but never less than two seconds: a DEL
 * that is owed is tried also when the ADD before it took all the time.
 *
 * Return: 0 if it ran to an end, good or bad; negative: ERROR_ENVIRONMENT (no
 * CNI_PATH), ERROR_DELEGATE (no such program, no end in time, more than 1 MiB)
 */
int delegate_run(const struct request *request, const char *type,
		 enum request_verb verb, struct delegate_run *ret,
		 struct error *err);

#endif
