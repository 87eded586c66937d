/*
 * An anchored value is written for itself first, and each alias puts in its text.
 * It is known when it is whole, so no value contains itself. Aliases of aliases
 * end where the text of the whole ends, whose size is fixed.
 */

#include "lib/yaml-priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct anchor {
	struct anchor *next;
	char *name;
	char *json;
	size_t len;
};

static void anchor_free(struct anchor *anchor)
{
	yaml_forget(anchor->json, anchor->len);
	free(anchor->name);
	free(anchor);
}

void yaml_anchors_clear(struct yaml *y)
{
	while (y->anchors) {
		struct anchor *anchor = y->anchors;

		y->anchors = anchor->next;
		anchor_free(anchor);
	}
}

int yaml_alias(struct yaml *y, struct json_writer *w, const char *key)
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

int yaml_write(struct yaml *y, yaml_put put, char **ret, size_t *ret_len)
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

/* NULL: failed, and said why. */
static struct anchor *anchor_new(struct yaml *y)
{
	struct anchor *anchor;

	if (y->anchor_count == YAML_ANCHORS) {
		yaml_fail(y, ERROR_DECODE, "more than %d anchors",
			  YAML_ANCHORS);
		return NULL;
	}
	y->anchor_count++;
	anchor = calloc(1, sizeof(*anchor));
	if (anchor)
		anchor->name = strdup(yaml_event_anchor(y));
	if (anchor && anchor->name)
		return anchor;
	free(anchor);
	error_oom(y->err);
	return NULL;
}

/* In no more memory than it needs. */
static int anchor_fill(struct yaml *y, struct anchor *anchor)
{
	char *text = NULL;
	size_t len = 0;
	int r;

	r = yaml_write(y, yaml_value, &text, &len);
	if (r < 0)
		return r;
	assert(len > 0);
	anchor->json = malloc(len);
	if (anchor->json) {
		anchor->len = len - 1; /* without the newline */
		memcpy(anchor->json, text, anchor->len);
	}
	yaml_forget(text, len);
	return anchor->json ? 0 : error_oom(y->err);
}

/* Keeps the current value under its anchor. */
static int yaml_keep(struct yaml *y)
{
	struct anchor *anchor = anchor_new(y);
	int r;

	if (!anchor)
		return error_return(y->err);
	r = anchor_fill(y, anchor);
	if (r < 0) {
		anchor_free(anchor);
		return r;
	}
	/* Known from here on, so that no value contains itself. */
	anchor->next = y->anchors;
	y->anchors = anchor;
	return 0;
}

int yaml_node(struct yaml *y, struct json_writer *w, const char *key)
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
