#ifndef PLUGIN_CTL_DOCTOR_LOG_H
#define PLUGIN_CTL_DOCTOR_LOG_H

/*
 * What a log says of failed iSCSI connections, as Longhorn passes it on:
 *
 *	iscsiadm: cannot make connection to 10.100.1.17: Host is unreachable
 *	connect to 10.100.1.17:3260 failed (Connection refused)
 *
 * Each address and reason once, however many lines there are.
 */

#include "lib/error.h"
#include "lib/inet.h"

#include <stdio.h>

enum doctor_log_reason {
	DOCTOR_LOG_UNREACHABLE, /* nobody answered for the address */
	DOCTOR_LOG_NO_ROUTE, /* the sender had no route to it */
	DOCTOR_LOG_REFUSED, /* it answered, and nobody listens */
	DOCTOR_LOG_TIMEOUT,
	DOCTOR_LOG_OTHER,
};

struct doctor_log_line {
	struct inet_addr addr;
	enum doctor_log_reason reason;
	char words[64]; /* the log's own */
	size_t count;
};

struct doctor_log {
	struct doctor_log_line *items;
	size_t count;
	size_t n_lines; /* that were read */
};
void doctor_log_clear(struct doctor_log *log);

/** doctor_log_read() - All lines of a file, however many
 * Return: 0, or negative with ERROR_IO */
int doctor_log_read(FILE *file, struct doctor_log *ret, struct error *err);

/** doctor_log_take() - What is in one line, if anything is */
int doctor_log_take(struct doctor_log *log, const char *line,
		    struct error *err);

#endif
