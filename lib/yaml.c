/*
 * libyaml's events, written as JSON, which lib/json.c reads: one reader, one
 * set of rules for what a field may be.
 *
 * The events are taken one by one, so that limits hold before libyaml has read
 * on; its own loader follows ten thousand brackets to their end. An anchored
 * value is written for itself first, and each alias puts in its text. The text
 * of the whole has its size from the beginning: it is never moved, so that a key
 * in it is in one place when it is overwritten, and aliases of aliases end
 * where it ends.
 */
#include "lib/yaml.h"

#include "lib/json-write.h"
#include "lib/json.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* Bytes of JSON for a byte of YAML at most ("{a,a}" is {"a":null,...}), and
 * what aliases may add. */
#define YAML_GROWTH  6
#define YAML_ALIASES (64u << 10)

static_assert(YAML_DEPTH <= JSON_WRITE_DEPTH, "every level can be written");

struct anchor {
	struct anchor *next;
	char *name;
	char *json;
	size_t len;
};

struct yaml {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	struct anchor *anchors; /* the last first */
	unsigned int anchor_count;
	size_t size; /* of a buffer for JSON */
	unsigned int depth;
	struct error *err;
};

/* The keys of a mapping that have been seen. */
struct keys {
	char *name[YAML_MEMBERS];
	size_t count;
};

struct yaml_tag {
	const char *name;
	yaml_event_type_t kind;
};

static int yaml_node(struct yaml *y, struct json_writer *w, const char *key);

/* --- what is freed ---------------------------------------------------------- */

static void yaml_forget(char *text, size_t len)
{
	if (text)
		explicit_bzero(text, len);
	free(text);
}

static void yaml_event_drop(struct yaml *y)
{
	if (y->event.type == YAML_SCALAR_EVENT)
		explicit_bzero(y->event.data.scalar.value,
			       y->event.data.scalar.length);
	yaml_event_delete(&y->event);
}

static void yaml_close(struct yaml *y)
{
	struct anchor *next;

	yaml_event_drop(y);
	yaml_parser_delete(&y->parser);
	for (struct anchor *a = y->anchors; a; a = next) {
		next = a->next;
		yaml_forget(a->json, a->len);
		free(a->name);
		free(a);
	}
}
#define cleanup_yaml cleanup(yaml_close)

static void keys_clear(struct keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		free(keys->name[i]);
}
#define cleanup_keys cleanup(keys_clear)

/* --- events ----------------------------------------------------------------- */

static int __attribute__((format(printf, 3, 4)))
yaml_fail(struct yaml *y, enum error_code code, const char *fmt, ...)
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

static int yaml_next(struct yaml *y)
{
	yaml_event_drop(y);
	if (yaml_parser_parse(&y->parser, &y->event))
		return 0;
	/* What a failed call leaves in it is not an event. */
	memset(&y->event, 0, sizeof(y->event));
	return yaml_fail_parser(y);
}

/* The text has its size from the beginning: only aliases can fill it. */
static int yaml_fail_full(struct yaml *y)
{
	return yaml_fail(y, ERROR_DECODE, "aliases that expand without end");
}

/* --- scalars ---------------------------------------------------------------- */

static const char *scalar(const struct yaml *y)
{
	return (const char *)y->event.data.scalar.value;
}

static bool scalar_is(const struct yaml *y, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(scalar(y), *words) == 0)
			return true;
	return false;
}

static int yaml_scalar_text(struct yaml *y)
{
	if (strlen(scalar(y)) == y->event.data.scalar.length)
		return 0;
	return yaml_fail(y, ERROR_DECODE, "a NUL in a string");
}

/* YAML 1.2, section 10.3.2, without its numbers. */
static int yaml_scalar(struct yaml *y, struct json_writer *w, const char *key)
{
	static const char *const nulls[] = { "",     "~",    "null",
					     "Null", "NULL", NULL };
	static const char *const truths[] = { "true", "True", "TRUE", NULL };
	static const char *const lies[] = { "false", "False", "FALSE", NULL };
	const char *tag = (const char *)y->event.data.scalar.tag;
	bool is_plain = y->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	int r;

	r = yaml_scalar_text(y);
	if (r < 0)
		return r;
	if (tag ? strcmp(tag, YAML_STR_TAG) == 0 : !is_plain)
		json_write_string(w, key, scalar(y));
	else if (scalar_is(y, nulls))
		json_write_null(w, key);
	else if (scalar_is(y, truths) || scalar_is(y, lies))
		json_write_bool(w, key, scalar_is(y, truths));
	else
		json_write_string(w, key, scalar(y));
	return 0;
}

/* --- collections ------------------------------------------------------------ */

static int yaml_down(struct yaml *y)
{
	if (y->depth == YAML_DEPTH)
		return yaml_fail(y, ERROR_DECODE,
				 "nested deeper than %d levels", YAML_DEPTH);
	y->depth++;
	return 0;
}

static int yaml_sequence(struct yaml *y, struct json_writer *w, const char *key)
{
	int r;

	r = yaml_down(y);
	if (r < 0)
		return r;
	json_write_array(w, key);
	for (;;) {
		r = yaml_next(y);
		if (r < 0)
			return r;
		if (y->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		r = yaml_node(y, w, NULL);
		if (r < 0)
			return r;
	}
	json_write_end(w);
	y->depth--;
	return 0;
}

/* Adds the current event, which must be text and new, as a key. */
static int yaml_key(struct yaml *y, struct keys *keys)
{
	if (y->event.type != YAML_SCALAR_EVENT)
		return yaml_fail(y, ERROR_DECODE, "a key that is not text");
	if (y->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    strcmp(scalar(y), "<<") == 0)
		return yaml_fail(y, ERROR_UNSUPPORTED,
				 "merge keys (<<) are not supported");
	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->name[i], scalar(y)) == 0)
			return yaml_fail(y, ERROR_DECODE,
					 "the key \"%.64s\" is given twice",
					 scalar(y));
	if (keys->count == YAML_MEMBERS)
		return yaml_fail(y, ERROR_DECODE, "a mapping of more than %d",
				 YAML_MEMBERS);
	keys->name[keys->count] = strdup(scalar(y));
	if (!keys->name[keys->count])
		return error_oom(y->err);
	keys->count++;
	return yaml_scalar_text(y);
}

static int yaml_mapping(struct yaml *y, struct json_writer *w, const char *key)
{
	cleanup_keys struct keys keys = { .count = 0 };
	int r;

	r = yaml_down(y);
	if (r < 0)
		return r;
	json_write_object(w, key);
	for (;;) {
		r = yaml_next(y);
		if (r < 0)
			return r;
		if (y->event.type == YAML_MAPPING_END_EVENT)
			break;
		r = yaml_key(y, &keys);
		if (r == 0)
			r = yaml_next(y);
		if (r == 0)
			r = yaml_node(y, w, keys.name[keys.count - 1]);
		if (r < 0)
			return r;
	}
	json_write_end(w);
	y->depth--;
	return 0;
}

/* --- anchors ---------------------------------------------------------------- */

static int yaml_alias(struct yaml *y, struct json_writer *w, const char *key)
{
	const char *name = (const char *)y->event.data.alias.anchor;

	for (const struct anchor *a = y->anchors; a; a = a->next) {
		if (strcmp(a->name, name) != 0)
			continue;
		json_write_raw(w, key, a->json, a->len);
		return w->failed ? yaml_fail_full(y) : 0;
	}
	return yaml_fail(y, ERROR_DECODE, "the alias *%.64s has no anchor",
			 name);
}

static const char *yaml_event_anchor(const struct yaml *y)
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

/* A tag says of what kind a value is; one that disagrees is not obeyed. */
static int yaml_check_tag(struct yaml *y)
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

static int yaml_value(struct yaml *y, struct json_writer *w, const char *key)
{
	int r;

	r = yaml_check_tag(y);
	if (r < 0)
		return r;
	if (y->event.type == YAML_ALIAS_EVENT)
		return yaml_alias(y, w, key);
	if (y->event.type == YAML_SEQUENCE_START_EVENT)
		return yaml_sequence(y, w, key);
	if (y->event.type == YAML_MAPPING_START_EVENT)
		return yaml_mapping(y, w, key);
	return yaml_scalar(y, w, key);
}

/* What @put makes of the current event, as JSON for itself; yours to
 * yaml_forget(). */
static int yaml_write(struct yaml *y,
		      int (*put)(struct yaml *, struct json_writer *,
				 const char *),
		      char **ret, size_t *ret_len)
{
	char *buf = malloc(y->size);
	struct json_writer w;
	char *text = NULL;
	size_t len = 0;
	int r;

	if (!buf)
		return error_oom(y->err);
	json_write_init_fixed(&w, buf, y->size);
	r = put(y, &w, NULL);
	/* What the last alias left room for, a value after it may not have. */
	if (r == 0 && json_write_finish(&w, &text, &len, y->err) < 0)
		r = yaml_fail_full(y);
	if (r < 0) {
		yaml_forget(buf, y->size);
		return r;
	}
	*ret = text;
	*ret_len = len;
	return 0;
}

/* Keeps the current value under its anchor, in no more memory than it needs. */
static int yaml_keep(struct yaml *y)
{
	struct anchor *anchor;
	char *text = NULL;
	size_t len = 0;
	int r;

	if (y->anchor_count == YAML_ANCHORS)
		return yaml_fail(y, ERROR_DECODE, "more than %d anchors",
				 YAML_ANCHORS);
	y->anchor_count++;
	anchor = calloc(1, sizeof(*anchor));
	if (!anchor)
		return error_oom(y->err);
	anchor->name = strdup(yaml_event_anchor(y));
	r = yaml_write(y, yaml_value, &text, &len);
	if (r == 0) {
		assert(len > 0);
		anchor->json = malloc(len);
		if (anchor->json && anchor->name) {
			anchor->len = len - 1; /* without the newline */
			memcpy(anchor->json, text, anchor->len);
		} else {
			r = error_oom(y->err);
		}
		yaml_forget(text, len);
	}
	if (r < 0) {
		free(anchor->json);
		free(anchor->name);
		free(anchor);
		return r;
	}
	/* Known from here on, so that no value contains itself. */
	anchor->next = y->anchors;
	y->anchors = anchor;
	return 0;
}

static int yaml_node(struct yaml *y, struct json_writer *w, const char *key)
{
	int r;

	if (!yaml_event_anchor(y))
		return yaml_value(y, w, key);
	r = yaml_keep(y);
	if (r < 0)
		return r;
	json_write_raw(w, key, y->anchors->json, y->anchors->len);
	return 0;
}

/* --- documents -------------------------------------------------------------- */

/* "---" at the end of a file begins a document that is nothing. */
static int yaml_no_more(struct yaml *y)
{
	int r;

	for (;;) {
		r = yaml_next(y);
		if (r < 0)
			return r;
		if (y->event.type == YAML_STREAM_END_EVENT)
			return 0;
		if (y->event.type == YAML_DOCUMENT_START_EVENT ||
		    y->event.type == YAML_DOCUMENT_END_EVENT ||
		    (y->event.type == YAML_SCALAR_EVENT && !*scalar(y)))
			continue;
		return yaml_fail(y, ERROR_DECODE, "a second document");
	}
}

static int yaml_begin(struct yaml *y)
{
	int r;

	do {
		r = yaml_next(y);
		if (r < 0)
			return r;
		if (y->event.type == YAML_STREAM_END_EVENT)
			return error_set(y->err, ERROR_DECODE, 0,
					 "the input is empty");
	} while (y->event.type == YAML_STREAM_START_EVENT ||
		 y->event.type == YAML_DOCUMENT_START_EVENT);
	return 0;
}

int yaml_parse(const char *text, size_t len, struct json **ret,
	       struct error *err)
{
	cleanup_yaml struct yaml y = {
		.size = YAML_GROWTH * len + YAML_ALIASES,
		.err = err,
	};
	char *json = NULL;
	size_t json_len = 0;
	int r;

	if (len > YAML_MAX)
		return error_set(err, ERROR_DECODE, EFBIG, "more than %u bytes",
				 YAML_MAX);
	if (!yaml_parser_initialize(&y.parser))
		return error_oom(err);
	yaml_parser_set_input_string(&y.parser, (const unsigned char *)text,
				     len);
	yaml_parser_set_encoding(&y.parser, YAML_UTF8_ENCODING);

	r = yaml_begin(&y);
	if (r == 0)
		r = yaml_write(&y, yaml_node, &json, &json_len);
	if (r < 0)
		return r;
	r = yaml_no_more(&y);
	if (r == 0)
		r = json_parse(json, json_len, ret, err);
	yaml_forget(json, json_len);
	return r;
}
