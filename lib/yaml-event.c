/*
 * libyaml's events: one at a time, what each says of itself, and where in the
 * document it is. What was in one is gone when the next is taken, since it may be
 * a token or a key.
 */

#include "lib/yaml-priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void yaml_forget(char *text, size_t len)
{
	if (text)
		explicit_bzero(text, len);
	free(text);
}

void yaml_event_drop(struct yaml *y)
{
	if (y->event.type == YAML_SCALAR_EVENT)
		explicit_bzero(y->event.data.scalar.value,
			       y->event.data.scalar.length);
	yaml_event_delete(&y->event);
}

/* --- taking one ------------------------------------------------------------------- */

int yaml_fail(struct yaml *y, enum error_code code, const char *fmt, ...)
{
	const yaml_mark_t *mark = &y->event.start_mark;
	char clause[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(clause, sizeof(clause), fmt, args);
	va_end(args);
	return error_set(y->err, code, 0, "line %zu, column %zu: %s",
			 mark->line + 1, mark->column + 1, clause);
}

/* libyaml quotes nothing of the document in its words. */
static int yaml_fail_parser(struct yaml *y)
{
	const yaml_parser_t *parser = &y->parser;
	const char *problem = parser->problem ? parser->problem : "not YAML";

	if (parser->error == YAML_MEMORY_ERROR)
		return error_oom(y->err);
	if (parser->error == YAML_READER_ERROR)
		return error_set(y->err, ERROR_DECODE, 0, "byte %zu: %s",
				 parser->problem_offset, problem);
	return error_set(y->err, ERROR_DECODE, 0, "line %zu, column %zu: %s",
			 parser->problem_mark.line + 1,
			 parser->problem_mark.column + 1, problem);
}

int yaml_fail_full(struct yaml *y)
{
	return yaml_fail(y, ERROR_DECODE, "aliases that expand without end");
}

int yaml_next(struct yaml *y)
{
	yaml_event_drop(y);
	if (yaml_parser_parse(&y->parser, &y->event))
		return 0;
	/* What a failed call leaves in it is not an event. */
	memset(&y->event, 0, sizeof(y->event));
	return yaml_fail_parser(y);
}

/* --- what it says ----------------------------------------------------------------- */

const char *yaml_event_text(const struct yaml *y)
{
	return (const char *)y->event.data.scalar.value;
}

const char *yaml_event_anchor(const struct yaml *y)
{
	const yaml_event_t *event = &y->event;

	if (event->type == YAML_SCALAR_EVENT)
		return (const char *)event->data.scalar.anchor;
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return (const char *)event->data.sequence_start.anchor;
	if (event->type == YAML_MAPPING_START_EVENT)
		return (const char *)event->data.mapping_start.anchor;
	return NULL;
}

static const char *yaml_event_tag(const struct yaml *y)
{
	const yaml_event_t *event = &y->event;

	if (event->type == YAML_SCALAR_EVENT)
		return (const char *)event->data.scalar.tag;
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return (const char *)event->data.sequence_start.tag;
	if (event->type == YAML_MAPPING_START_EVENT)
		return (const char *)event->data.mapping_start.tag;
	return NULL;
}

struct yaml_tag {
	const char *name;
	yaml_event_type_t kind;
};

int yaml_event_check_tag(struct yaml *y)
{
	static const struct yaml_tag tags[] = {
		{ YAML_STR_TAG, YAML_SCALAR_EVENT },
		{ YAML_NULL_TAG, YAML_SCALAR_EVENT },
		{ YAML_BOOL_TAG, YAML_SCALAR_EVENT },
		{ YAML_INT_TAG, YAML_SCALAR_EVENT },
		{ YAML_FLOAT_TAG, YAML_SCALAR_EVENT },
		{ YAML_SEQ_TAG, YAML_SEQUENCE_START_EVENT },
		{ YAML_MAP_TAG, YAML_MAPPING_START_EVENT },
	};
	const char *tag = yaml_event_tag(y);

	if (!tag)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		if (y->event.type == tags[i].kind &&
		    strcmp(tag, tags[i].name) == 0)
			return 0;
	return yaml_fail(y, ERROR_UNSUPPORTED, "the tag %.64s", tag);
}
