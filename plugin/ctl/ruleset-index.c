#include "plugin/ctl/ruleset-priv.h"

#include "lib/cleanup.h"

#include <stdlib.h>
#include <string.h>

/*
 * The document is one array of objects, in which chains, their rules and sets
 * stand in any order. Thousands of chains that jump to each other are followed
 * in it, so each is found by its name, in a sorted copy of the pointers.
 */

static const struct {
	const char *type;
	enum ruleset_kind kind;
	const char *name; /* key of the object's name */
} index_kinds[] = {
	{ "chain", RULESET_CHAIN, "name" },
	{ "rule", RULESET_RULE, "chain" },
	{ "set", RULESET_SET, "name" },
};

size_t ruleset_count(const struct json_at *at)
{
	return json_type(at) == JSON_TYPE_ARRAY ? json_count(at) : 0;
}

bool ruleset_only(const struct json_at *at, struct json_at *ret)
{
	if (json_type(at) != JSON_TYPE_OBJECT || json_count(at) != 1)
		return false;
	*ret = json_member_at(at, 0);
	return true;
}

const char *ruleset_member(const struct json_at *at, const char *key)
{
	struct json_at member;
	const char *text = NULL;

	if (json_member(at, key, &member))
		text = json_text(&member);
	return text ? text : "";
}

/* --- the index ------------------------------------------------------------------------------- */

static int index_compare_names(const struct ruleset_object *a,
			       const struct ruleset_object *b)
{
	int r = (a->kind > b->kind) - (a->kind < b->kind);

	if (r == 0)
		r = strcmp(a->family, b->family);
	if (r == 0)
		r = strcmp(a->table, b->table);
	return r == 0 ? strcmp(a->name, b->name) : r;
}

/* Of one name, as in the document: they are elements of one array. */
static int index_compare(const void *a, const void *b)
{
	const struct ruleset_object *const *x = a;
	const struct ruleset_object *const *y = b;
	int r = index_compare_names(*x, *y);

	return r == 0 ? (*x > *y) - (*x < *y) : r;
}

static void index_add(struct ruleset *set, const struct json_at *element)
{
	struct ruleset_object *item = &set->items[set->count];

	item->element = *element;
	for (size_t i = 0; i < ARRAY_SIZE(index_kinds); i++) {
		if (!json_member(&item->element, index_kinds[i].type,
				 &item->at))
			continue;
		item->kind = index_kinds[i].kind;
		item->family = ruleset_member(&item->at, "family");
		item->table = ruleset_member(&item->at, "table");
		item->name = ruleset_member(&item->at, index_kinds[i].name);
		set->sorted[set->count++] = item;
		return;
	}
}

struct ruleset *ruleset_close(struct ruleset *ruleset)
{
	if (ruleset) {
		free(ruleset->items);
		free(ruleset->sorted);
		free(ruleset);
	}
	return NULL;
}

int ruleset_open(const struct json *json, struct ruleset **ret,
		 struct error *err)
{
	cleanup_ruleset struct ruleset *set = calloc(1, sizeof(*set));
	size_t n;

	if (!set)
		return error_oom(err);
	set->root = json_root(json);
	n = json_member(&set->root, "nftables", &set->list)
		    ? ruleset_count(&set->list)
		    : 0;
	set->items = calloc(n + 1, sizeof(*set->items));
	set->sorted = calloc(n + 1, sizeof(struct ruleset_object *));
	if (!set->items || !set->sorted)
		return error_oom(err);
	for (size_t i = 0; i < n; i++) {
		struct json_at element = json_element(&set->list, i);

		index_add(set, &element);
	}
	qsort(set->sorted, set->count, sizeof(struct ruleset_object *),
	      index_compare);
	*ret = take_ptr(set);
	return 0;
}

const struct ruleset_object *const *
ruleset_find(const struct ruleset_table *table, enum ruleset_kind kind,
	     const char *name, size_t *ret_count)
{
	const struct ruleset_object key = { .kind = kind,
					    .family = table->family,
					    .table = table->name,
					    .name = name };
	const struct ruleset *set = table->ruleset;
	size_t first = 0, last = set->count;

	while (first < last) {
		size_t middle = first + (last - first) / 2;

		if (index_compare_names(set->sorted[middle], &key) < 0)
			first = middle + 1;
		else
			last = middle;
	}
	while (last < set->count &&
	       index_compare_names(set->sorted[last], &key) == 0)
		last++;
	*ret_count = last - first;
	return set->sorted + first;
}
