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

#include "lib/yaml-priv.h"

#include "lib/json.h"

#include <assert.h>
#include <errno.h>

/* Bytes of JSON for a byte of YAML at most ("{a,a}" is {"a":null,...}), and
 * what aliases may add. */
#define YAML_GROWTH  6
#define YAML_ALIASES (64u << 10)

static_assert(YAML_DEPTH <= JSON_WRITE_DEPTH, "every level can be written");

static void yaml_close(struct yaml *y)
{
	yaml_event_drop(y);
	yaml_parser_delete(&y->parser);
	yaml_anchors_clear(y);
}
#define cleanup_yaml cleanup(yaml_close)

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
		    (y->event.type == YAML_SCALAR_EVENT &&
		     !*yaml_event_text(y)))
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
