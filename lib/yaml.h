#ifndef LIB_YAML_H
#define LIB_YAML_H

/*
 * YAML, read into a document of lib/json.h, so that the same tables of fields
 * read it. Only lib/yaml*.c see libyaml.
 *
 * A plain scalar is null or a boolean where YAML 1.2's core schema says so, and
 * a string otherwise: numbers keep their text, so that a name or token of digits
 * is what was written. Aliases are copies, bounded in their sum.
 *
 * Refused, with the line: a second document that is not empty, keys that are
 * given twice or are not text, tags other than !!str, !!null, !!bool, !!int,
 * !!float, !!map, !!seq, merge keys, and more than any honest file has:
 * YAML_MAX bytes, YAML_DEPTH levels, YAML_MEMBERS keys in one mapping,
 * YAML_ANCHORS anchors.
 */

#include "lib/error.h"

#include <stddef.h>

struct json;

#define YAML_MAX     (1u << 20)
#define YAML_DEPTH   32
#define YAML_MEMBERS 256
#define YAML_ANCHORS 64

/**
 * yaml_parse() - Parse one document
 * @text:	Bytes in UTF-8, need not be NUL-terminated
 * @ret:	The document; yours, json_free() or json_free_secret()
 *
 * Return: 0, or negative with ERROR_DECODE (ERROR_UNSUPPORTED for what is YAML
 * but not read here), line and column from 1
 */
int yaml_parse(const char *text, size_t len, struct json **ret,
	       struct error *err);

#endif
