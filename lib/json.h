#ifndef LIB_JSON_H
#define LIB_JSON_H

/*
 * Reading JSON into C structs by tables of fields:
 *
 *	static const struct json_field vxlan_fields[] = {
 *		JSON_U32("id", struct config_vxlan, id, JSON_REQUIRED),
 *		JSON_BOOL("learning", struct config_vxlan, learning, 0),
 *		JSON_WITH("mode", read_mode, struct config, mode, 0),
 *		JSON_END
 *	};
 *
 * Configurations are written for Go plugins, so the reader reads as Go's decoder
 * does: keys match exactly or else fold case, the last duplicate wins, null
 * leaves the default. It is strict where cJSON is not: nothing after the
 * document, no \u0000, no raw control characters, numbers that are written as
 * integers where an integer is expected, no digits lost. Bytes that are no UTF-8
 * and halves of surrogate pairs are read as U+FFFD. Only lib/json*.c see cJSON.
 *
 * Every complaint names its place: "ipam.ranges[0].subnet: expected a string,
 * got a number". The place is a chain of struct json_at on the C stack, turned
 * into text only when something is wrong.
 */

#include "lib/error.h"

#include <stddef.h>
#include <stdint.h>

struct json; /* a document */
struct json_node; /* a value in it; lives as long as the document */

/* Where json_member() and its like lead from @at points back at @at: do not
 * overwrite the one with the other, nor let @at leave its scope before it. */
struct json_at {
	const struct json_at *up; /* NULL at the document's root */
	const char *key; /* member of up, or NULL for an element */
	size_t index; /* element of up */
	const struct json_node *node;
};

enum json_type {
	JSON_TYPE_NULL,
	JSON_TYPE_BOOL,
	JSON_TYPE_NUMBER,
	JSON_TYPE_STRING,
	JSON_TYPE_ARRAY,
	JSON_TYPE_OBJECT,
};

/* Reads the value at @at into *@member. Return: 0, or negative with
 * ERROR_CONFIG raised through json_error(). Not called for null. */
typedef int (*json_reader)(const struct json_at *at, void *member,
			   struct error *err);

#define JSON_REQUIRED    (1u << 0) /* absent or null is an error */

#define JSON_INTEGER_MAX (UINT64_C(1) << 53) /* RFC 8259, section 6 */
#define JSON_PATH        256 /* bytes of a place in text that are enough */

struct json_field {
	const char *key;
	json_reader read;
	size_t offset;
	unsigned int flags;
};

enum json_unknown {
	JSON_UNKNOWN_IGNORE,
	JSON_UNKNOWN_WARN,
	JSON_UNKNOWN_REFUSE,
};

/* The member's type is checked at compile time. */
#define JSON_CHECKED_OFFSET(type, member, expected)                            \
	(offsetof(type, member) +                                              \
	 0 * sizeof(char[__builtin_types_compatible_p(                         \
				 __typeof__(((type *)0)->member), expected)    \
				 ? 1                                           \
				 : -1]))

#define JSON_STRING(key, type, member, flags)                                  \
	{                                                                      \
		key, json_read_string,                                         \
			JSON_CHECKED_OFFSET(type, member, char *), flags       \
	}
#define JSON_BOOL(key, type, member, flags)                                    \
	{                                                                      \
		key, json_read_bool, JSON_CHECKED_OFFSET(type, member, bool),  \
			flags                                                  \
	}
#define JSON_U32(key, type, member, flags)                                     \
	{                                                                      \
		key, json_read_u32,                                            \
			JSON_CHECKED_OFFSET(type, member, uint32_t), flags     \
	}
#define JSON_WITH(key, reader, type, member, flags)                            \
	{                                                                      \
		key, reader, offsetof(type, member), flags                     \
	}
#define JSON_END                                                               \
	{                                                                      \
		NULL, NULL, 0, 0                                               \
	}

/**
 * json_parse() - Parse one document
 * @text:	Bytes, need not be NUL-terminated
 * @len:	Their number
 * @ret:	The document; yours, json_free()
 *
 * Return: 0, or negative with ERROR_DECODE, line and column (both from 1, the
 * column in bytes)
 */
int json_parse(const char *text, size_t len, struct json **ret,
	       struct error *err);

/** json_free() - Free a document, returns NULL; NULL is fine */
struct json *json_free(struct json *json);

static inline void json_cleanup(struct json **json)
{
	json_free(*json);
}
#define cleanup_json cleanup(json_cleanup)

/** json_free_secret() - As json_free(), its strings overwritten before */
struct json *json_free_secret(struct json *json);

static inline void json_cleanup_secret(struct json **json)
{
	json_free_secret(*json);
}
#define cleanup_json_secret cleanup(json_cleanup_secret)

/**
 * json_fill() - An object, with what it lacks taken from another
 * @at:		The object
 * @from:	Another, of defaults
 * @ret:	Its root is the filled one; yours, json_free(). It borrows from
 *		both documents and goes before them
 *
 * As Go programs merge structs: absent, null, "", [] and {} are what is lacked;
 * an object that both have is filled in the same way, arrays are not joined.
 * Other than there, a zero and a "false" are given.
 */
int json_fill(const struct json_at *at, const struct json_at *from,
	      struct json **ret, struct error *err);

/** json_root() - Where reading starts */
struct json_at json_root(const struct json *json);

/** json_type() - Type of the value at @at */
enum json_type json_type(const struct json_at *at);

/**
 * json_member() - Member of an object by Go's rules
 *
 * The last one whose key is @key, case aside, and that is not null.
 *
 * Return: false if @at is no object, or has no such member, or it is null
 */
bool json_member(const struct json_at *at, const char *key, struct json_at *ret)
	warn_unused;

/** json_count() - Elements of an array, members of an object, else 0 */
size_t json_count(const struct json_at *at);

/** json_element() - Element @index of an array (index < json_count()) */
struct json_at json_element(const struct json_at *at, size_t index);

/** json_member_at() - Member @index of an object, in document order; .key set */
struct json_at json_member_at(const struct json_at *at, size_t index);

/** json_text() - String at @at, borrowed; NULL if it is no string */
const char *json_text(const struct json_at *at);

/** json_u64() - Integer at @at; false if it is none or beyond 2^53 */
bool json_u64(const struct json_at *at, uint64_t *ret) warn_unused;

/**
 * json_read_object() - Read an object by a table
 * @at:		The object; another type is an error
 * @fields:	Ends with JSON_END
 * @ret:	Struct whose members the fields name; defaults are set before
 * @unknown:	What to do with keys that the table does not have
 *
 * Fields are read in the table's order, each at most once: of duplicates, only
 * the last that is not null. Strings that a field already owned are freed when
 * replaced. After a failure @ret holds what was read so far, and is yours to
 * clear.
 *
 * Return: 0, or negative with ERROR_CONFIG (ERROR_DECODE if the document as a
 * whole is no object)
 */
int json_read_object(const struct json_at *at, const struct json_field *fields,
		     void *ret, enum json_unknown unknown, struct error *err);

/* Readers for tables: char * (a copy; the old one freed), bool, uint32_t. */
int json_read_string(const struct json_at *at, void *member, struct error *err);
int json_read_bool(const struct json_at *at, void *member, struct error *err);
int json_read_u32(const struct json_at *at, void *member, struct error *err);

/**
 * json_read_uint() - An integer in limits, for readers of smaller types
 *
 * Return: 0, or negative: "vxlan.port: expected an integer from 1 to 65535, got
 * 1e3"
 */
int json_read_uint(const struct json_at *at, uint64_t min, uint64_t max,
		   uint64_t *ret, struct error *err);

/**
 * json_error() - Raise ERROR_CONFIG at a place: "<path>: <text>"
 */
int json_error(const struct json_at *at, struct error *err, const char *fmt,
	       ...) printf_like(3, 4);

/** json_expected() - "<path>: expected <what>, got <type>" */
int json_expected(const struct json_at *at, const char *what,
		  struct error *err);

/** json_path() - "ipam.ranges[0].subnet" into @buf, cut to @len; returns it */
const char *json_path(const struct json_at *at, char *buf, size_t len);

/* For the static analyzer, as in lib/error.h. */
#ifdef __clang_analyzer__
#define json_error(...)    (json_error(__VA_ARGS__), -EINVAL)
#define json_expected(...) (json_expected(__VA_ARGS__), -EINVAL)
#endif

#endif
