#ifndef LIB_JSON_PRIV_H
#define LIB_JSON_PRIV_H

/*
 * Shared by lib/json*.c only.
 */

#include "lib/json.h"

/* Deepest nesting that is read: far beyond any configuration or Kubernetes
 * object, and far below what the stack bears. */
#define JSON_DEPTH 128

/* cJSON copies a number into 64 bytes before it converts it. */
#define JSON_NUMBER      63

#define JSON_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

struct json_node {
	enum json_type type;
	bool truth; /* of a boolean */
	const char *key; /* of a member, else NULL */
	const char *text; /* string: decoded; number: as written, ended by one
			   * of ",]}" or NUL; else NULL */
	const struct json_node *children; /* consecutive, in document order */
	size_t count;
};

/**
 * json_check() - Is this one JSON document, and no byte more?
 * @text:	Bytes
 * @len:	Their number
 * @clean:	Receives the document without white space and without what
 *		decodes to nothing (json-check.c), NUL-terminated; room for
 *		3 * @len + 1 bytes
 * @ret_values:	Number of values in the document
 *
 * Return: 0, or negative with ERROR_DECODE, line and column
 */
int json_check(const char *text, size_t len, char *clean, size_t *ret_values,
	       struct error *err);

/**
 * json_utf8_len() - Bytes of the character that begins at @p
 *
 * Return: 1 to 4, or 0 if this is no UTF-8 (overlong, surrogate, cut short)
 */
size_t json_utf8_len(const char *p, const char *end);

#endif
