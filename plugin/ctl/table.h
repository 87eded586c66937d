#ifndef PLUGIN_CTL_TABLE_H
#define PLUGIN_CTL_TABLE_H

/*
 * Rows and columns, described once and printed twice: aligned for people, or as
 * an array of JSON objects. Memory that is missing is remembered, and reported
 * by ctl_table_print() and ctl_table_json().
 */

#include "lib/json-write.h"

#include <stdio.h>

enum ctl_type {
	CTL_TEXT, /* an empty cell is null */
	CTL_NUMBER,
	CTL_MILLI, /* thousandths, as a number with three decimals */
	CTL_BOOL, /* "yes" or "no" */
};

struct ctl_column {
	const char *key; /* in JSON; NULL: not there */
	const char *title; /* above the column; NULL: not shown to people */
	enum ctl_type type;
};

struct ctl_table {
	const struct ctl_column *columns; /* ends with both NULL */
	char **cells;
	size_t n_cells;
	bool failed;
};
void ctl_table_clear(struct ctl_table *table);
#define cleanup_ctl_table cleanup(ctl_table_clear)

/** ctl_table_add() - The next cell, row by row */
void ctl_table_add(struct ctl_table *table, const char *fmt, ...)
	printf_like(2, 3);

/** ctl_table_rows() - Rows so far */
size_t ctl_table_rows(const struct ctl_table *table);

/** ctl_table_print() - Aligned, each line indented by @indent blanks
 * @titles:	With a line of titles above */
int ctl_table_print(const struct ctl_table *table, FILE *out,
		    unsigned int indent, bool titles, struct error *err);

/** ctl_table_json() - As an array */
int ctl_table_json(const struct ctl_table *table, struct json_writer *w,
		   const char *key, struct error *err);

#endif
