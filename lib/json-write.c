#include "lib/json-write.h"

#include "lib/json-priv.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WRITE_SIZE 512 /* first allocation */

/* Room for @len more bytes and a NUL. */
static bool write_grow(struct json_writer *w, size_t len)
{
	size_t size = w->size ? w->size : WRITE_SIZE;
	char *text;

	if (w->failed)
		return false;
	if (len < w->size - w->len)
		return true;
	while (!w->fixed && len >= size - w->len && size <= SIZE_MAX / 2)
		size *= 2;
	text = w->fixed ? NULL : realloc(w->text, size);
	if (!text) {
		w->failed = true;
		return false;
	}
	w->text = text;
	w->size = size;
	return true;
}

static void write_bytes(struct json_writer *w, const char *bytes, size_t len)
{
	if (!write_grow(w, len))
		return;
	memcpy(w->text + w->len, bytes, len);
	w->len += len;
	w->text[w->len] = '\0';
}

static void write_text(struct json_writer *w, const char *text)
{
	write_bytes(w, text, strlen(text));
}

static void write_escaped(struct json_writer *w, unsigned char byte)
{
	static const char escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	char text[8];

	for (const char *p = escapes; *p; p += 2) {
		if (byte != (unsigned char)*p)
			continue;
		write_bytes(w, (char[]){ '\\', p[1] }, 2);
		return;
	}
	snprintf(text, sizeof(text), "\\u%04x", byte);
	write_text(w, text);
}

/* Foreign text may be cut within a character or be no UTF-8 at all; what we
 * write is UTF-8 all the same. */
static void write_quoted(struct json_writer *w, const char *text)
{
	const char *end = text + strlen(text);

	write_text(w, "\"");
	while (text < end) {
		unsigned char byte = (unsigned char)*text;
		size_t len = json_utf8_len(text, end);

		if (byte < 0x20 || byte == '"' || byte == '\\')
			write_escaped(w, byte);
		else if (len)
			write_bytes(w, text, len);
		else
			write_text(w, JSON_REPLACEMENT);
		text += len ? len : 1;
	}
	write_text(w, "\"");
}

/* The comma and the key before a value. */
static void write_begin(struct json_writer *w, const char *key)
{
	bool in_object = w->depth && w->level[w->depth].close == '}';

	assert(in_object == (key != NULL));
	if (w->level[w->depth].filled) {
		assert(w->depth > 0); /* one document per writer */
		write_text(w, ",");
	}
	w->level[w->depth].filled = true;
	if (key) {
		write_quoted(w, key);
		write_text(w, ":");
	}
}

static void write_open(struct json_writer *w, const char *key, const char *open,
		       char close)
{
	write_begin(w, key);
	assert(w->depth < JSON_WRITE_DEPTH);
	w->depth++;
	w->level[w->depth].close = close;
	w->level[w->depth].filled = false;
	write_text(w, open);
}

void json_write_init_fixed(struct json_writer *w, char *buf, size_t size)
{
	*w = (struct json_writer){ .text = buf, .size = size, .fixed = true };
}

void json_write_object(struct json_writer *w, const char *key)
{
	write_open(w, key, "{", '}');
}

void json_write_array(struct json_writer *w, const char *key)
{
	write_open(w, key, "[", ']');
}

void json_write_end(struct json_writer *w)
{
	assert(w->depth > 0);
	write_bytes(w, &w->level[w->depth].close, 1);
	w->depth--;
}

void json_write_string(struct json_writer *w, const char *key,
		       const char *value)
{
	if (!value) {
		json_write_null(w, key);
		return;
	}
	write_begin(w, key);
	write_quoted(w, value);
}

void json_write_uint(struct json_writer *w, const char *key, uint64_t value)
{
	char text[32];

	write_begin(w, key);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	write_text(w, text);
}

void json_write_milli(struct json_writer *w, const char *key,
		      uint64_t thousandths)
{
	char text[32];

	write_begin(w, key);
	snprintf(text, sizeof(text), "%" PRIu64 ".%03" PRIu64,
		 thousandths / 1000, thousandths % 1000);
	write_text(w, text);
}

void json_write_int(struct json_writer *w, const char *key, int64_t value)
{
	char text[32];

	write_begin(w, key);
	snprintf(text, sizeof(text), "%" PRId64, value);
	write_text(w, text);
}

void json_write_bool(struct json_writer *w, const char *key, bool value)
{
	write_begin(w, key);
	write_text(w, value ? "true" : "false");
}

void json_write_null(struct json_writer *w, const char *key)
{
	write_begin(w, key);
	write_text(w, "null");
}

void json_write_raw(struct json_writer *w, const char *key, const char *json,
		    size_t len)
{
	write_begin(w, key);
	write_bytes(w, json, len);
}

static int write_copy_items(struct json_writer *w, const struct json_at *at,
			    struct error *err)
{
	int r = 0;

	if (w->depth + 1 >= JSON_WRITE_DEPTH)
		return json_error(at, err, "is nested too deeply");
	for (size_t i = 0; i < at->node->count && r == 0; i++) {
		bool is_array = at->node->type == JSON_TYPE_ARRAY;
		struct json_at item = is_array ? json_element(at, i)
					       : json_member_at(at, i);

		r = json_write_copy(w, item.key, &item, err);
	}
	return r;
}

int json_write_copy(struct json_writer *w, const char *key,
		    const struct json_at *at, struct error *err)
{
	const struct json_node *node = at->node;
	int r;

	switch (node->type) {
	case JSON_TYPE_NULL:
		json_write_null(w, key);
		return 0;
	case JSON_TYPE_BOOL:
		json_write_bool(w, key, node->truth);
		return 0;
	case JSON_TYPE_STRING:
		json_write_string(w, key, node->text);
		return 0;
	case JSON_TYPE_NUMBER:
		write_begin(w, key);
		write_bytes(w, node->text, strcspn(node->text, ",]}"));
		return 0;
	case JSON_TYPE_ARRAY:
		json_write_array(w, key);
		break;
	case JSON_TYPE_OBJECT:
		json_write_object(w, key);
		break;
	}
	r = write_copy_items(w, at, err);
	json_write_end(w);
	return r;
}

int json_write_finish(struct json_writer *w, char **ret, size_t *ret_len,
		      struct error *err)
{
	assert(w->depth == 0 && w->level[0].filled);
	write_text(w, "\n");
	if (w->failed) {
		json_write_clear(w);
		return error_set(err, ERROR_INTERNAL, ENOMEM, "write JSON");
	}
	*ret_len = w->len;
	*ret = take_ptr(w->text);
	json_write_clear(w);
	return 0;
}

void json_write_clear(struct json_writer *w)
{
	if (!w->fixed)
		free(w->text);
	*w = (struct json_writer){ 0 };
}
