#include "lib/json-priv.h"
#include "lib/log.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#undef json_error
#undef json_expected

#define FIELDS_MAX 64 /* of one table */
#define TYPO_LEN   32 /* longer keys are not compared for typing errors */

static const char *json_type_text(enum json_type type)
{
	switch (type) {
	case JSON_TYPE_NULL:
		return "null";
	case JSON_TYPE_BOOL:
		return "a boolean";
	case JSON_TYPE_NUMBER:
		return "a number";
	case JSON_TYPE_STRING:
		return "a string";
	case JSON_TYPE_ARRAY:
		return "an array";
	case JSON_TYPE_OBJECT:
		return "an object";
	}
	return "nothing";
}

static size_t path_add(const struct json_at *at, char *buf, size_t len)
{
	size_t used;
	int added;

	if (!at->up)
		return 0;
	used = path_add(at->up, buf, len);
	if (at->key)
		added = snprintf(buf + used, len - used, "%s%s",
				 used ? "." : "", at->key);
	else
		added = snprintf(buf + used, len - used, "[%zu]", at->index);
	if (added < 0 || (size_t)added >= len - used)
		return len - 1;
	return used + (size_t)added;
}

const char *json_path(const struct json_at *at, char *buf, size_t len)
{
	if (!at->up)
		snprintf(buf, len, "document");
	else
		path_add(at, buf, len);

	/* Keys are foreign text, and this goes to logs and terminals. */
	for (char *p = buf; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	return buf;
}

int json_error(const struct json_at *at, struct error *err, const char *fmt,
	       ...)
{
	char path[JSON_PATH];
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return error_set(err, ERROR_CONFIG, 0, "%s: %s",
			 json_path(at, path, sizeof(path)), text);
}

int json_expected(const struct json_at *at, const char *what, struct error *err)
{
	return json_error(at, err, "expected %s, got %s", what,
			  json_type_text(at->node->type));
}

int json_read_string(const struct json_at *at, void *member, struct error *err)
{
	char **string = member;
	const char *text = json_text(at);
	char *copy;

	if (!text)
		return json_expected(at, "a string", err);
	copy = strdup(text);
	if (!copy)
		return error_oom(err);
	free(*string);
	*string = copy;
	return 0;
}

int json_read_bool(const struct json_at *at, void *member, struct error *err)
{
	bool *truth = member;

	if (at->node->type != JSON_TYPE_BOOL)
		return json_expected(at, "a boolean", err);
	*truth = at->node->truth;
	return 0;
}

int json_read_uint(const struct json_at *at, uint64_t min, uint64_t max,
		   uint64_t *ret, struct error *err)
{
	const char *number = at->node->text;
	uint64_t value;

	if (json_u64(at, &value) && value >= min && value <= max) {
		*ret = value;
		return 0;
	}
	if (at->node->type != JSON_TYPE_NUMBER)
		return json_expected(at, "an integer", err);
	return json_error(at, err,
			  "expected an integer from %ju to %ju, got %.*s",
			  (uintmax_t)min, (uintmax_t)max,
			  (int)strcspn(number, ",]}"), number);
}

int json_read_u32(const struct json_at *at, void *member, struct error *err)
{
	uint32_t *number = member;
	uint64_t value = 0;
	int r;

	r = json_read_uint(at, 0, UINT32_MAX, &value, err);
	if (r < 0)
		return r;
	*number = (uint32_t)value;
	return 0;
}

/* Steps (insert, drop, change a letter) from @a to @b, case aside. */
static size_t typo_distance(const char *a, const char *b)
{
	size_t row[TYPO_LEN + 1];
	size_t len = strlen(b);

	if (strlen(a) > TYPO_LEN || len > TYPO_LEN)
		return SIZE_MAX;
	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (; *a; a++) {
		size_t diagonal = row[0]++;

		for (size_t j = 1; j <= len; j++) {
			bool same = tolower((unsigned char)*a) ==
				    tolower((unsigned char)b[j - 1]);
			size_t best = diagonal + (same ? 0 : 1);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[len];
}

static const char *typo_of(const struct json_field *fields, const char *key)
{
	size_t nearest = strlen(key) / 4 + 2; /* farther is no typing error */
	const char *meant = NULL;

	for (; fields->key; fields++) {
		size_t distance = typo_distance(key, fields->key);

		if (distance < nearest && distance < strlen(fields->key)) {
			nearest = distance;
			meant = fields->key;
		}
	}
	return meant;
}

static int read_unknown(const struct json_at *at,
			const struct json_field *fields,
			enum json_unknown unknown, struct error *err)
{
	struct error complaint = { 0 };
	const char *meant;
	int r;

	if (unknown == JSON_UNKNOWN_IGNORE)
		return 0;
	meant = typo_of(fields, at->key);
	if (meant)
		r = json_error(at, &complaint,
			       "unknown key, did you mean \"%s\"?", meant);
	else
		r = json_error(at, &complaint, "unknown key");
	if (unknown == JSON_UNKNOWN_REFUSE) {
		*err = complaint;
		return r;
	}
	log_warning("%s", complaint.details);
	return 0;
}

/* The field that @key means: spelled exactly so, else case aside. */
static const struct json_field *read_find(const struct json_field *fields,
					  const char *key)
{
	const struct json_field *folded = NULL;

	for (; fields->key; fields++) {
		if (strcmp(fields->key, key) == 0)
			return fields;
		if (!folded && strcasecmp(fields->key, key) == 0)
			folded = fields;
	}
	return folded;
}

static int read_field(const struct json_at *at, const struct json_field *field,
		      const struct json_at *member, void *ret,
		      struct error *err)
{
	const struct json_at absent = { .up = at, .key = field->key };

	if (member->node)
		return field->read(member, (char *)ret + field->offset, err);
	if (field->flags & JSON_REQUIRED)
		return json_error(&absent, err, "required, but not given");
	return 0;
}

int json_read_object(const struct json_at *at, const struct json_field *fields,
		     void *ret, enum json_unknown unknown, struct error *err)
{
	struct json_at last[FIELDS_MAX] = { 0 };
	int r;

	if (at->node->type != JSON_TYPE_OBJECT) {
		r = json_expected(at, "an object", err);
		return at->up ? r : error_class(err, ERROR_DECODE);
	}

	for (size_t i = 0; i < at->node->count; i++) {
		const struct json_at member = json_member_at(at, i);
		const struct json_field *field = read_find(fields, member.key);

		r = field ? 0 : read_unknown(&member, fields, unknown, err);
		if (r < 0)
			return r;
		if (field && member.node->type != JSON_TYPE_NULL) {
			assert(field - fields < FIELDS_MAX);
			last[field - fields] = member;
		}
	}

	for (const struct json_field *f = fields; f->key; f++) {
		assert(f - fields < FIELDS_MAX);
		r = read_field(at, f, &last[f - fields], ret, err);
		if (r < 0)
			return r;
	}
	return 0;
}
