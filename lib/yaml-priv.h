#ifndef LIB_YAML_PRIV_H
#define LIB_YAML_PRIV_H

/*
 * Shared by lib/yaml*.c only: the parser, and the event that it is at. What reads
 * a value begins with its first event as the current one, and ends with its last.
 */

#include "lib/json-write.h"
#include "lib/yaml.h"

#include <stdbool.h>
#include <yaml.h>

struct anchor;

struct yaml {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	struct anchor *anchors; /* the last first */
	unsigned int anchor_count;
	size_t size; /* of a buffer for JSON */
	unsigned int depth;
	struct error *err;
};

/** yaml_put - Write the value that begins with the current event
 * @key:	In an object; NULL in an array, or alone */
typedef int (*yaml_put)(struct yaml *y, struct json_writer *w, const char *key);

/* --- events (yaml-event.c) -------------------------------------------------------- */

/** yaml_forget() - Free what may hold a secret; NULL is fine */
void yaml_forget(char *text, size_t len);
void yaml_event_drop(struct yaml *y);

/** yaml_fail() - Raise with line and column of the current event */
int yaml_fail(struct yaml *y, enum error_code code, const char *fmt, ...)
	printf_like(3, 4);

/** yaml_fail_full() - The text has its size from the beginning: only aliases can
 * fill it */
int yaml_fail_full(struct yaml *y);

/** yaml_next() - The next event becomes the current one */
int yaml_next(struct yaml *y);

/** yaml_event_anchor() - Of the current event; NULL: none */
const char *yaml_event_anchor(const struct yaml *y);

/** yaml_event_text() - Of a scalar; it may have a NUL in it */
const char *yaml_event_text(const struct yaml *y);

/** yaml_event_check_tag() - A tag says of what kind a value is; one that
 * disagrees is not obeyed */
int yaml_event_check_tag(struct yaml *y);

/* --- values (yaml-value.c) -------------------------------------------------------- */

/** yaml_value() - A yaml_put: whatever anchor it has */
int yaml_value(struct yaml *y, struct json_writer *w, const char *key);

/* --- anchors (yaml-anchor.c) ------------------------------------------------------ */

/** yaml_node() - A yaml_put: a value, which is kept if it has an anchor */
int yaml_node(struct yaml *y, struct json_writer *w, const char *key);

/** yaml_alias() - A yaml_put: the text of its anchor */
int yaml_alias(struct yaml *y, struct json_writer *w, const char *key);

/** yaml_write() - What @put makes of the current event, as JSON for itself
 * @ret:	Yours, yaml_forget() */
int yaml_write(struct yaml *y, yaml_put put, char **ret, size_t *ret_len);

void yaml_anchors_clear(struct yaml *y);

#endif
