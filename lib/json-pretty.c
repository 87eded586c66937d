/*
 * For people: what fits on a line stays on one, as in
 *
 *	"nodes": {
 *		"k8s-1": { "vtep": "10.100.100.1", "address": "10.100.1.1/24" }
 *	}
 *
 * From the writer's text, which has no white space outside of strings.
 */
#include "lib/json-write.h"

#include "lib/cleanup.h"

#include <stdio.h>
#include <string.h>

#define PRETTY_WIDTH 78
#define PRETTY_STEP  2

static const char *pretty_skip_string(const char *p)
{
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

/* Behind the value that begins at @p. */
static const char *pretty_skip(const char *p)
{
	unsigned int depth = 0;

	do {
		if (*p == '"') {
			p = pretty_skip_string(p);
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		p++;
	} while (depth || !strchr(",]}\n", *p));
	return p;
}

/* On one line: a blank after each comma and colon, and inside braces. */
static void pretty_line(FILE *out, const char *p, const char *end)
{
	while (p < end) {
		const char *next = *p == '"' ? pretty_skip_string(p) : p + 1;

		if (*p == '}' && p[-1] != '{')
			fputc(' ', out);
		fprintf(out, "%.*s", (int)(next - p), p);
		if (*p == ',' || *p == ':' || (*p == '{' && p[1] != '}'))
			fputc(' ', out);
		p = next;
	}
}

static size_t pretty_width(const char *p, const char *end)
{
	size_t width = 0;

	while (p < end) {
		const char *next = *p == '"' ? pretty_skip_string(p) : p + 1;

		width += (size_t)(next - p) + (strchr(",:{}", *p) != NULL);
		p = next;
	}
	return width;
}

/* @column: where the value begins. Return: behind it */
static const char *pretty_value(FILE *out, const char *p, size_t indent,
				size_t column)
{
	const char *end = pretty_skip(p);
	bool is_root = indent == column;

	if ((*p != '{' && *p != '[') || p[1] == '}' || p[1] == ']' ||
	    (!is_root && column + pretty_width(p, end) <= PRETTY_WIDTH)) {
		pretty_line(out, p, end);
		return end;
	}
	fputc(*p, out);
	do {
		const char *key = ++p;

		fprintf(out, "\n%*s", (int)(indent + PRETTY_STEP), "");
		column = indent + PRETTY_STEP;
		if (end[-1] == '}') {
			p = pretty_skip_string(key) + 1;
			column += (size_t)(p - key) + 1;
			fprintf(out, "%.*s ", (int)(p - key), key);
		}
		/* An element that is no member begins where its line does: it
		 * is not the root for that. */
		p = pretty_value(out, p, indent + PRETTY_STEP,
				 end[-1] == '}' ? column : column + 1);
		if (*p == ',')
			fputc(',', out);
	} while (*p == ',');
	fprintf(out, "\n%*s%c", (int)indent, "", *p);
	return p + 1;
}

int json_write_pretty(const char *text, unsigned int indent, char **ret,
		      struct error *err)
{
	size_t size;
	FILE *out = open_memstream(ret, &size);

	if (!out)
		return error_oom(err);
	fprintf(out, "%*s", (int)indent, "");
	pretty_value(out, text, indent, indent);
	if (fclose(out) != 0) {
		free(*ret);
		*ret = NULL;
		return error_oom(err);
	}
	return 0;
}
