#ifndef LIB_JSON_WRITE_H
#define LIB_JSON_WRITE_H

/*
 * Writing JSON with the caller's structure, into memory first: stdout is
 * written once, after commit.
 *
 *	struct json_writer w = { 0 };
 *
 *	json_write_object(&w, NULL);
 *	json_write_string(&w, "cniVersion", "1.1.0");
 *	json_write_array(&w, "ips");
 *	...
 *	json_write_end(&w);
 *	json_write_end(&w);
 *	r = json_write_finish(&w, &text, &len, err);
 *
 * Failures (memory) are remembered and reported by json_write_finish().
 * Keys are NULL inside arrays and at the root. The text has no white space but
 * the newline at its end, and is UTF-8 whatever was put in: bytes that are not
 * become U+FFFD.
 */

#include "lib/json.h"

#include <stddef.h>
#include <stdint.h>

#define JSON_WRITE_DEPTH 32

struct json_writer {
	char *text;
	size_t len;
	size_t size;
	bool failed;
	bool fixed; /* text is the caller's and does not grow */
	unsigned int depth;
	struct {
		char close;
		bool filled;
	} level[JSON_WRITE_DEPTH + 1];
};

/** json_write_init_fixed() - Write into @buf and take no memory */
void json_write_init_fixed(struct json_writer *w, char *buf, size_t size);

void json_write_object(struct json_writer *w, const char *key);
void json_write_array(struct json_writer *w, const char *key);
void json_write_end(struct json_writer *w);
/* A NULL @value is written as null. */
void json_write_string(struct json_writer *w, const char *key,
		       const char *value);
void json_write_uint(struct json_writer *w, const char *key, uint64_t value);
void json_write_int(struct json_writer *w, const char *key, int64_t value);
/** json_write_milli() - @thousandths as a number with three decimals */
void json_write_milli(struct json_writer *w, const char *key,
		      uint64_t thousandths);
void json_write_bool(struct json_writer *w, const char *key, bool value);
void json_write_null(struct json_writer *w, const char *key);

/**
 * json_write_copy() - A value that was read, as it was: numbers digit by digit
 *
 * Return: 0, or negative with ERROR_CONFIG: nested too deeply for a writer
 */
int json_write_copy(struct json_writer *w, const char *key,
		    const struct json_at *at, struct error *err);
/* @json is one value in JSON, of @len bytes, put in as it is. */
void json_write_raw(struct json_writer *w, const char *key, const char *json,
		    size_t len);

/**
 * json_write_finish() - Take the text, newline and NUL appended
 * @ret:	Yours; after json_write_init_fixed() it is @buf
 * @ret_len:	Bytes without the NUL
 *
 * Leaves an empty writer, also on failure. Every level must be closed.
 *
 * Return: 0, or negative with ERROR_INTERNAL: no memory, or @buf is too small
 */
int json_write_finish(struct json_writer *w, char **ret, size_t *ret_len,
		      struct error *err);

/**
 * json_write_pretty() - The text of a writer for people to read
 * @indent:	Blanks before each line
 * @ret:	Yours; no newline at its end
 */
int json_write_pretty(const char *text, unsigned int indent, char **ret,
		      struct error *err);

/** json_write_clear() - Drop an unfinished document */
void json_write_clear(struct json_writer *w);
#define cleanup_json_writer cleanup(json_write_clear)

#endif
