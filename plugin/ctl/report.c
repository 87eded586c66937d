#include "plugin/ctl/report.h"

#include <stdarg.h>
#include <string.h>

static const struct ctl_column finding_columns[] = {
	{ "severity", "", CTL_TEXT }, { "subject", "", CTL_TEXT },
	{ "finding", "", CTL_TEXT },  { "next", "", CTL_TEXT },
	{ NULL, NULL, CTL_TEXT },
};

/* In their order above. */
enum {
	FINDING_SEVERITY,
	FINDING_SUBJECT,
	FINDING_TEXT,
	FINDING_NEXT,
	FINDING_COLUMNS,
};

int report_open(struct report *report, enum report_form form, bool colours,
		const char *command, struct error *err)
{
	*report = (struct report){
		.form = form,
		.colours = colours,
		.findings = { .columns = finding_columns },
	};
	report->text = open_memstream(&report->buf, &report->size);
	if (!report->text)
		return error_oom(err);
	report_object(report, NULL);
	report_string(report, "command", command);
	return 0;
}

void report_close(struct report *report)
{
	if (report->text)
		fclose(report->text);
	report->text = NULL;
	free(report->buf);
	report->buf = NULL;
	json_write_clear(&report->json);
	ctl_table_clear(&report->findings);
}

void report_line(struct report *report, const char *fmt, ...)
{
	va_list args;

	if (report->form != REPORT_TEXT)
		return;
	va_start(args, fmt);
	vfprintf(report->text, fmt, args);
	va_end(args);
	fputc('\n', report->text);
}

void report_object(struct report *report, const char *key)
{
	if (report->form == REPORT_JSON)
		json_write_object(&report->json, key);
}

void report_array(struct report *report, const char *key)
{
	if (report->form == REPORT_JSON)
		json_write_array(&report->json, key);
}

void report_end(struct report *report)
{
	if (report->form == REPORT_JSON)
		json_write_end(&report->json);
}

void report_string(struct report *report, const char *key, const char *value)
{
	if (report->form == REPORT_JSON)
		json_write_string(&report->json, key, value);
}

void report_uint(struct report *report, const char *key, uint64_t value)
{
	if (report->form == REPORT_JSON)
		json_write_uint(&report->json, key, value);
}

void report_milli(struct report *report, const char *key, uint64_t thousandths)
{
	if (report->form == REPORT_JSON)
		json_write_milli(&report->json, key, thousandths);
}

void report_bool(struct report *report, const char *key, bool value)
{
	if (report->form == REPORT_JSON)
		json_write_bool(&report->json, key, value);
}

int report_table(struct report *report, const char *key,
		 const struct ctl_table *table, unsigned int indent,
		 bool titles, struct error *err)
{
	if (report->form == REPORT_JSON)
		return ctl_table_json(table, &report->json, key, err);
	return ctl_table_print(table, report->text, indent, titles, err);
}

/* --- findings ------------------------------------------------------------------- */

static void report_find(struct report *report, const char *severity,
			const char *subject, const char *next, const char *fmt,
			va_list args) printf_like(5, 0);
static void report_find(struct report *report, const char *severity,
			const char *subject, const char *next, const char *fmt,
			va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, args);
	ctl_table_add(&report->findings, "%s", severity);
	ctl_table_add(&report->findings, "%s", subject);
	ctl_table_add(&report->findings, "%s", text);
	ctl_table_add(&report->findings, "%s", next);
}

void report_fail(struct report *report, const char *subject, const char *next,
		 const char *fmt, ...)
{
	va_list args;

	report->n_failed++;
	va_start(args, fmt);
	report_find(report, "FAIL", subject, next, fmt, args);
	va_end(args);
}

void report_warn(struct report *report, const char *subject, const char *next,
		 const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_find(report, "WARN", subject, next, fmt, args);
	va_end(args);
}

bool report_has(const struct report *report, const char *subject,
		const char *text)
{
	const struct ctl_table *findings = &report->findings;

	for (size_t i = 0; i + FINDING_COLUMNS <= findings->n_cells;
	     i += FINDING_COLUMNS)
		if (strcmp(findings->cells[i + FINDING_SUBJECT], subject) ==
			    0 &&
		    strcmp(findings->cells[i + FINDING_TEXT], text) == 0)
			return true;
	return false;
}

static const char *report_colour(const struct report *report,
				 const char *severity)
{
	if (!report->colours)
		return "";
	return strcmp(severity, "FAIL") == 0 ? "\033[1;31m" : "\033[1;33m";
}

static void report_print_findings(struct report *report)
{
	const struct ctl_table *findings = &report->findings;

	for (size_t i = 0; i + FINDING_COLUMNS <= findings->n_cells;
	     i += FINDING_COLUMNS) {
		char *const *cells = &findings->cells[i];

		report_line(report, "%s%s%s %s: %s -> %s",
			    report_colour(report, cells[FINDING_SEVERITY]),
			    cells[FINDING_SEVERITY],
			    report->colours ? "\033[0m" : "",
			    cells[FINDING_SUBJECT], cells[FINDING_TEXT],
			    cells[FINDING_NEXT]);
	}
}

int report_finish(struct report *report, char **ret, size_t *ret_len,
		  struct error *err)
{
	int r;

	if (report->form == REPORT_JSON) {
		/* What a command that failed half-way left open. */
		while (report->json.depth > 1)
			report_end(report);
		r = ctl_table_json(&report->findings, &report->json, "findings",
				   err);
		if (r < 0)
			return r;
		report_end(report);
		return json_write_finish(&report->json, ret, ret_len, err);
	}
	if (report->findings.failed)
		return error_oom(err);
	report_print_findings(report);
	r = fclose(report->text);
	report->text = NULL;
	if (r != 0)
		return error_oom(err);
	*ret = take_ptr(report->buf);
	*ret_len = report->size;
	return 0;
}
