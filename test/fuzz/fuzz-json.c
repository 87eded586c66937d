/*
 * What json_parse() takes can be walked, read by a table, and written; and what
 * is written reads and writes as the same text again.
 */
#include "lib/json-write.h"
#include "lib/json.h"
#include "lib/log.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

struct record {
	char *text;
	bool truth;
	uint32_t number;
	unsigned int depth;
};

static int read_below(const struct json_at *at, void *member,
		      struct error *err);

static const struct json_field fields[] = {
	JSON_STRING("text", struct record, text, 0),
	JSON_BOOL("truth", struct record, truth, JSON_REQUIRED),
	JSON_U32("number", struct record, number, 0),
	JSON_WITH("below", read_below, struct record, depth, 0), JSON_END
};

static int read_record(const struct json_at *at, enum json_unknown unknown)
{
	struct record record = { 0 };
	struct error err = { 0 };
	int r;

	r = json_read_object(at, fields, &record, unknown, &err);
	assert((r < 0) == error_is_set(&err));
	assert(r == 0 || err.code == ERROR_CONFIG || err.code == ERROR_DECODE);
	free(record.text);
	return r;
}

static int read_below(const struct json_at *at, void *member, struct error *err)
{
	unsigned int *depth = member;

	++*depth;
	return read_record(at, JSON_UNKNOWN_REFUSE) < 0
		       ? json_error(at, err, "below")
		       : 0;
}

static void write_value(struct json_writer *w, const char *key,
			const struct json_at *at);

static void write_children(struct json_writer *w, const struct json_at *at)
{
	for (size_t i = 0; i < json_count(at); i++) {
		struct json_at child, found;

		if (json_type(at) == JSON_TYPE_ARRAY) {
			child = json_element(at, i);
			write_value(w, NULL, &child);
			continue;
		}
		child = json_member_at(at, i);
		if (json_type(&child) != JSON_TYPE_NULL)
			assert(json_member(at, child.key, &found) &&
			       found.index >= i);
		write_value(w, child.key, &child);
	}
	json_write_end(w);
}

static void write_value(struct json_writer *w, const char *key,
			const struct json_at *at)
{
	char path[JSON_PATH], cut[7];
	struct error err = { 0 };
	bool truth = false;
	uint64_t number;

	json_path(at, path, sizeof(path));
	json_path(at, cut, sizeof(cut));
	assert(strncmp(path, cut, sizeof(cut) - 1) == 0);

	if (json_text(at)) {
		json_write_string(w, key, json_text(at));
	} else if (json_u64(at, &number)) {
		json_write_uint(w, key, number);
	} else if (json_read_bool(at, &truth, &err) == 0) {
		json_write_bool(w, key, truth);
	} else if (w->depth == JSON_WRITE_DEPTH) {
		json_write_null(w, key);
	} else if (json_type(at) == JSON_TYPE_ARRAY) {
		json_write_array(w, key);
		write_children(w, at);
	} else if (json_type(at) == JSON_TYPE_OBJECT) {
		json_write_object(w, key);
		write_children(w, at);
	} else {
		json_write_null(w, key);
	}
}

static char *write_again(const struct json *json, size_t *ret_len)
{
	const struct json_at root = json_root(json);
	struct json_writer w = { 0 };
	struct error err = { 0 };
	char *text = NULL;
	int r;

	write_value(&w, NULL, &root);
	r = json_write_finish(&w, &text, ret_len, &err);
	assert(r == 0);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_json struct json *json = NULL, *again = NULL;
	cleanup_free char *first = NULL, *second = NULL;
	struct error err = { 0 };
	struct json_at root;
	size_t len;
	int r;

	log_init("fuzz-json", LOG_LEVEL_QUIET);
	r = json_parse((const char *)data, size, &json, &err);
	if (r < 0) {
		assert(err.code == ERROR_DECODE && *err.details);
		return 0;
	}
	root = json_root(json);
	read_record(&root, JSON_UNKNOWN_WARN);

	first = write_again(json, &len);
	r = json_parse(first, len, &again, &err);
	assert(r == 0);
	second = write_again(again, &len);
	assert(strcmp(first, second) == 0);
	return 0;
}
