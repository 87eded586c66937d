/*
 * A document: cJSON's tree, read once into nodes of our own. cJSON keeps the
 * children of a value as a list, so element n costs n steps; and it keeps a
 * number as a double, so digits are gone. Our nodes are one array in which the
 * children of a value stand side by side, and a number's node points at its text
 * in the checked copy. The numbers are found there in the order in which the
 * tree is walked, which is the document's: between strings, nothing but a number
 * has a digit or a minus.
 */
#include "lib/json-priv.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <string.h>
#include <strings.h>

struct json {
	char *text; /* checked and cleaned */
	cJSON *tree;
	struct json_node *nodes; /* the root first */
};

/* Where the walk through the tree is. */
struct walk {
	struct json_node *free; /* next unused node */
	const char *text; /* behind the last number */
};

static const char *walk_skip_string(const char *p)
{
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

static const char *walk_number(struct walk *walk)
{
	const char *p = walk->text;
	const char *number;

	while (*p != '-' && (*p < '0' || *p > '9'))
		p = *p == '"' ? walk_skip_string(p) : p + 1;
	number = p;
	walk->text = p + strcspn(p, ",]}");
	return number;
}

static void walk_tree(struct walk *walk, const cJSON *item,
		      struct json_node *node)
{
	struct json_node *child = walk->free;
	const cJSON *next;

	node->key = item->string;
	if (cJSON_IsNull(item)) {
		node->type = JSON_TYPE_NULL;
	} else if (cJSON_IsBool(item)) {
		node->type = JSON_TYPE_BOOL;
		node->truth = cJSON_IsTrue(item);
	} else if (cJSON_IsNumber(item)) {
		node->type = JSON_TYPE_NUMBER;
		node->text = walk_number(walk);
	} else if (cJSON_IsString(item)) {
		node->type = JSON_TYPE_STRING;
		node->text = item->valuestring;
	} else {
		node->type = cJSON_IsArray(item) ? JSON_TYPE_ARRAY
						 : JSON_TYPE_OBJECT;
		node->children = child;
	}

	cJSON_ArrayForEach(next, item) node->count++;
	walk->free += node->count;
	cJSON_ArrayForEach(next, item) walk_tree(walk, next, child++);
}

int json_parse(const char *text, size_t len, struct json **ret,
	       struct error *err)
{
	cleanup_json struct json *json = calloc(1, sizeof(*json));
	struct walk walk;
	size_t values;
	int r;

	if (!json)
		return error_oom(err);
	json->text = reallocarray(NULL, len + 1, strlen(JSON_REPLACEMENT));
	if (!json->text)
		return error_oom(err);
	r = json_check(text, len, json->text, &values, err);
	if (r < 0)
		return r;

	json->tree = cJSON_ParseWithOpts(json->text, NULL, true);
	json->nodes = calloc(values, sizeof(*json->nodes));
	if (!json->tree || !json->nodes)
		return error_oom(err);
	walk.free = json->nodes + 1;
	walk.text = json->text;
	walk_tree(&walk, json->tree, json->nodes);
	assert(walk.free == json->nodes + values);

	*ret = take_ptr(json);
	return 0;
}

struct json *json_free(struct json *json)
{
	if (json) {
		free(json->nodes);
		cJSON_Delete(json->tree);
		free(json->text);
		free(json);
	}
	return NULL;
}

static void json_wipe(const cJSON *item)
{
	const cJSON *next;

	if (cJSON_IsString(item))
		explicit_bzero(item->valuestring, strlen(item->valuestring));
	cJSON_ArrayForEach(next, item) json_wipe(next);
}

struct json *json_free_secret(struct json *json)
{
	if (json) {
		json_wipe(json->tree);
		explicit_bzero(json->text, strlen(json->text));
	}
	return json_free(json);
}

struct json_at json_root(const struct json *json)
{
	return (struct json_at){ .node = json->nodes };
}

enum json_type json_type(const struct json_at *at)
{
	return at->node->type;
}

bool json_member(const struct json_at *at, const char *key, struct json_at *ret)
{
	assert(ret != at);
	if (at->node->type != JSON_TYPE_OBJECT)
		return false;

	for (size_t i = at->node->count; i-- > 0;) {
		const struct json_node *child = &at->node->children[i];

		if (child->type == JSON_TYPE_NULL ||
		    strcasecmp(child->key, key) != 0)
			continue;
		*ret = json_member_at(at, i);
		return true;
	}
	return false;
}

/* --- filling --------------------------------------------------------------------- */

static size_t json_size(const struct json_node *node)
{
	size_t size = 1;

	for (size_t i = 0; i < node->count; i++)
		size += json_size(&node->children[i]);
	return size;
}

static bool json_is_empty(const struct json_node *node)
{
	if (node->type == JSON_TYPE_STRING)
		return !*node->text;
	return node->type != JSON_TYPE_BOOL && node->type != JSON_TYPE_NUMBER &&
	       node->count == 0;
}

static bool json_has_object(const struct json_at *at, const char *key,
			    struct json_at *ret)
{
	return json_member(at, key, ret) && ret->node->type == JSON_TYPE_OBJECT;
}

/* Of duplicates the last one wins: so what is empty comes first, then what is
 * lacked, then what is given. */
static void json_fill_node(struct json_node **unused, const struct json_at *at,
			   const struct json_at *from, struct json_node *ret)
{
	struct json_node *to = *unused;

	*ret = *at->node;
	ret->children = to;
	ret->count += from->node->count;
	*unused += ret->count;
	for (size_t i = 0; i < at->node->count; i++)
		if (json_is_empty(&at->node->children[i]))
			*to++ = at->node->children[i];
	for (size_t i = 0; i < from->node->count; i++)
		*to++ = from->node->children[i];
	for (size_t i = 0; i < at->node->count; i++) {
		struct json_at given = json_member_at(at, i);
		struct json_at other;

		if (json_is_empty(given.node))
			continue;
		if (given.node->type == JSON_TYPE_OBJECT &&
		    json_has_object(from, given.key, &other))
			json_fill_node(unused, &given, &other, to++);
		else
			*to++ = *given.node;
	}
}

int json_fill(const struct json_at *at, const struct json_at *from,
	      struct json **ret, struct error *err)
{
	cleanup_json struct json *json = calloc(1, sizeof(*json));
	struct json_node *unused;

	if (json_type(at) != JSON_TYPE_OBJECT)
		return json_expected(at, "an object", err);
	if (json_type(from) != JSON_TYPE_OBJECT)
		return json_expected(from, "an object", err);
	if (!json)
		return error_oom(err);
	json->nodes = calloc(json_size(at->node) + json_size(from->node),
			     sizeof(*json->nodes));
	if (!json->nodes)
		return error_oom(err);
	unused = json->nodes + 1;
	json_fill_node(&unused, at, from, json->nodes);
	*ret = take_ptr(json);
	return 0;
}

/* --- looking ---------------------------------------------------------------------- */

size_t json_count(const struct json_at *at)
{
	return at->node->count;
}

struct json_at json_element(const struct json_at *at, size_t index)
{
	assert(at->node->type == JSON_TYPE_ARRAY && index < at->node->count);
	return (struct json_at){
		.up = at,
		.index = index,
		.node = &at->node->children[index],
	};
}

struct json_at json_member_at(const struct json_at *at, size_t index)
{
	assert(at->node->type == JSON_TYPE_OBJECT && index < at->node->count);
	return (struct json_at){
		.up = at,
		.key = at->node->children[index].key,
		.index = index,
		.node = &at->node->children[index],
	};
}

const char *json_text(const struct json_at *at)
{
	return at->node->type == JSON_TYPE_STRING ? at->node->text : NULL;
}

bool json_u64(const struct json_at *at, uint64_t *ret)
{
	const char *p = at->node->text;
	uint64_t value = 0;

	if (at->node->type != JSON_TYPE_NUMBER || *p == '-')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > JSON_INTEGER_MAX)
			return false;
	}
	if (*p && !strchr(",]}", *p))
		return false;
	*ret = value;
	return true;
}
