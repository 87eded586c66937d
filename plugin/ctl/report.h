#ifndef PLUGIN_CTL_REPORT_H
#define PLUGIN_CTL_REPORT_H

/*
 * What a command says, for people or for programs. A command speaks to both:
 * lines are for people, members for programs, tables and findings for both, and
 * what the other form was meant for is dropped. Kept until the command is done;
 * main.c writes it to stdout, once.
 */

#include "plugin/ctl/table.h"

enum report_form {
	REPORT_TEXT,
	REPORT_JSON,
};

struct report {
	enum report_form form;
	bool colours;
	char *buf;
	size_t size;
	FILE *text;
	struct json_writer json;
	struct ctl_table findings;
	size_t n_failed; /* findings that are failures */
};

/** report_open() - One object is open in JSON */
int report_open(struct report *report, enum report_form form, bool colours,
		const char *command, struct error *err);
void report_close(struct report *report);
#define cleanup_report cleanup(report_close)

/** report_line() - For people */
void report_line(struct report *report, const char *fmt, ...) printf_like(2, 3);

/* For programs. */
void report_object(struct report *report, const char *key);
void report_array(struct report *report, const char *key);
void report_end(struct report *report);
void report_string(struct report *report, const char *key, const char *value);
void report_uint(struct report *report, const char *key, uint64_t value);
void report_milli(struct report *report, const char *key, uint64_t thousandths);
void report_bool(struct report *report, const char *key, bool value);

/** report_table() - For both */
int report_table(struct report *report, const char *key,
		 const struct ctl_table *table, unsigned int indent,
		 bool titles, struct error *err);

/**
 * report_fail() / report_warn() - Something is wrong
 * @subject:	Which network, link, address
 * @next:	One concrete step, "shimctl up"
 *
 * Both are told at the end; a failure makes the exit status 1.
 */
void report_fail(struct report *report, const char *subject, const char *next,
		 const char *fmt, ...) printf_like(4, 5);
void report_warn(struct report *report, const char *subject, const char *next,
		 const char *fmt, ...) printf_like(4, 5);

/** report_has() - Was this found already? */
bool report_has(const struct report *report, const char *subject,
		const char *text);

/** report_finish() - The text; yours */
int report_finish(struct report *report, char **ret, size_t *ret_len,
		  struct error *err);

#endif
