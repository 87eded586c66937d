/*
 * Scalars and collections, whatever anchor they have. A collection's members are
 * nodes, which may be aliases (yaml-anchor.c).
 */

#include "lib/yaml-priv.h"

#include <stdlib.h>
#include <string.h>

/* --- scalars ---------------------------------------------------------------------- */

static bool scalar_is(const struct yaml *y, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(yaml_event_text(y), *words) == 0)
			return true;
	return false;
}

static int yaml_scalar_text(struct yaml *y)
{
	if (strlen(yaml_event_text(y)) == y->event.data.scalar.length)
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
		json_write_string(w, key, yaml_event_text(y));
	else if (scalar_is(y, nulls))
		json_write_null(w, key);
	else if (scalar_is(y, truths) || scalar_is(y, lies))
		json_write_bool(w, key, scalar_is(y, truths));
	else
		json_write_string(w, key, yaml_event_text(y));
	return 0;
}

/* --- collections ------------------------------------------------------------------ */

/* The keys of a mapping that have been seen. */
struct keys {
	char *name[YAML_MEMBERS];
	size_t count;
};

static void keys_clear(struct keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		free(keys->name[i]);
}
#define cleanup_keys cleanup(keys_clear)

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
	    strcmp(yaml_event_text(y), "<<") == 0)
		return yaml_fail(y, ERROR_UNSUPPORTED,
				 "merge keys (<<) are not supported");
	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->name[i], yaml_event_text(y)) == 0)
			return yaml_fail(y, ERROR_DECODE,
					 "the key \"%.64s\" is given twice",
					 yaml_event_text(y));
	if (keys->count == YAML_MEMBERS)
		return yaml_fail(y, ERROR_DECODE, "a mapping of more than %d",
				 YAML_MEMBERS);
	keys->name[keys->count] = strdup(yaml_event_text(y));
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

/* --- both ------------------------------------------------------------------------- */

int yaml_value(struct yaml *y, struct json_writer *w, const char *key)
{
	int r;

	r = yaml_event_check_tag(y);
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
