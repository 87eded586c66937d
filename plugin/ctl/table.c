#include "plugin/ctl/table.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#define TABLE_COLUMNS 16

void ctl_table_clear(struct ctl_table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->n_cells = 0;
}

static size_t table_width(const struct ctl_table *table)
{
	size_t n = 0;

	while (table->columns[n].key || table->columns[n].title)
		n++;
	assert(n > 0 && n <= TABLE_COLUMNS);
	return n;
}

void ctl_table_add(struct ctl_table *table, const char *fmt, ...)
{
	char *text = NULL;
	char **cells;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	cells = reallocarray(table->cells, table->n_cells + 1, sizeof(*cells));
	if (cells)
		table->cells = cells;
	if (!cells || !text) {
		free(text);
		table->failed = true;
		return;
	}
	cells[table->n_cells++] = text;
}

size_t ctl_table_rows(const struct ctl_table *table)
{
	return table->n_cells / table_width(table);
}

/* --- for people --------------------------------------------------------------- */

static void table_measure(const struct ctl_table *table, bool titles,
			  size_t width[static TABLE_COLUMNS])
{
	size_t n = table_width(table);

	assert(n > 0);
	for (size_t i = 0; i < n; i++)
		width[i] = titles && table->columns[i].title
				   ? strlen(table->columns[i].title)
				   : 0;
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t len = strlen(table->cells[i]);

		if (len > width[i % n])
			width[i % n] = len;
	}
}

/* Blanks are owed until something follows them: no line ends in one, and a
 * column that is empty in all rows takes no room. */
static void table_line(const struct ctl_table *table, const char *const *cells,
		       const size_t *width, unsigned int indent, FILE *out)
{
	size_t owed = indent;

	for (size_t i = 0; i < table_width(table); i++) {
		if (!table->columns[i].title || width[i] == 0)
			continue;
		if (*cells[i]) {
			fprintf(out, "%*s%s", (int)owed, "", cells[i]);
			owed = 0;
		}
		owed += width[i] - strlen(cells[i]) + 2;
	}
	fputc('\n', out);
}

int ctl_table_print(const struct ctl_table *table, FILE *out,
		    unsigned int indent, bool titles, struct error *err)
{
	size_t n = table_width(table);
	size_t width[TABLE_COLUMNS] = { 0 };
	const char *head[TABLE_COLUMNS];

	if (table->failed)
		return error_oom(err);
	table_measure(table, titles, width);
	for (size_t i = 0; i < n; i++)
		head[i] = table->columns[i].title ? table->columns[i].title
						  : "";
	if (titles && table->n_cells)
		table_line(table, head, width, indent, out);
	for (size_t i = 0; i + n <= table->n_cells; i += n)
		table_line(table, (const char *const *)&table->cells[i], width,
			   indent, out);
	return 0;
}

/* --- for programs ------------------------------------------------------------- */

static void table_json_cell(const struct ctl_column *column, const char *cell,
			    struct json_writer *w)
{
	if (!column->key)
		return;
	if (!*cell) {
		json_write_null(w, column->key);
		return;
	}
	switch (column->type) {
	case CTL_TEXT:
		json_write_string(w, column->key, cell);
		break;
	case CTL_NUMBER:
		json_write_uint(w, column->key, strtoull(cell, NULL, 10));
		break;
	case CTL_MILLI:
		json_write_milli(w, column->key, strtoull(cell, NULL, 10));
		break;
	case CTL_BOOL:
		json_write_bool(w, column->key, strcmp(cell, "yes") == 0);
		break;
	}
}

int ctl_table_json(const struct ctl_table *table, struct json_writer *w,
		   const char *key, struct error *err)
{
	size_t n = table_width(table);

	if (table->failed)
		return error_oom(err);
	json_write_array(w, key);
	for (size_t i = 0; i + n <= table->n_cells; i += n) {
		json_write_object(w, NULL);
		for (size_t j = 0; j < n; j++)
			table_json_cell(&table->columns[j], table->cells[i + j],
					w);
		json_write_end(w);
	}
	json_write_end(w);
	return 0;
}
