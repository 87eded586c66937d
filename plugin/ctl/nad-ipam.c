#include "plugin/ctl/nad.h"

#include <string.h>

/*
 * "ipam" as it is written, because it may be for another plugin: then it was not
 * read with the configuration. Whereabouts' keys and host-local's are known.
 */

void nad_clear(struct nad *nad)
{
	free(nad->ranges);
	free(nad->excluded);
	ctl_table_clear(&nad->warnings);
}

static int nad_add_range(struct nad *nad, const struct json_at *at,
			 struct error *err)
{
	const char *text = json_text(at);
	struct error why = { 0 };
	struct range *grown;

	if (!text)
		return json_expected(at, "a string", err);
	grown = reallocarray(nad->ranges, nad->n_ranges + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	nad->ranges = grown;
	if (range_parse(text, &grown[nad->n_ranges], &why) < 0)
		return json_error(at, err, "%s", why.details);
	nad->n_ranges++;
	return 0;
}

static int nad_add_excluded(struct nad *nad, const struct json_at *at,
			    struct error *err)
{
	const char *text = json_text(at);
	struct inet_prefix *grown;
	struct inet_addr addr;

	if (!text)
		return json_expected(at, "a string", err);
	grown = reallocarray(nad->excluded, nad->n_excluded + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	nad->excluded = grown;
	if (inet_addr_parse_lenient(text, &addr))
		grown[nad->n_excluded++] = inet_prefix_host(&addr);
	else if (inet_prefix_parse_lenient(text, &grown[nad->n_excluded]))
		nad->n_excluded++;
	else
		return json_error(at, err, "\"%s\" is no network", text);
	return 0;
}

/* A member that is the thing itself, or an array of them, or of arrays of them
 * (host-local's "ranges"); objects have it under @inner. */
static int nad_each(struct nad *nad, const struct json_at *at,
		    const char *inner,
		    int (*add)(struct nad *nad, const struct json_at *at,
			       struct error *err),
		    struct error *err)
{
	struct json_at member;
	int r = 0;

	if (json_type(at) == JSON_TYPE_OBJECT)
		return json_member(at, inner, &member)
			       ? nad_each(nad, &member, inner, add, err)
			       : 0;
	if (json_type(at) != JSON_TYPE_ARRAY)
		return add(nad, at, err);
	for (size_t i = 0; i < json_count(at) && r == 0; i++) {
		struct json_at item = json_element(at, i);

		r = nad_each(nad, &item, inner, add, err);
	}
	return r;
}

int nad_read_ipam(struct nad *nad, const struct json_at *root,
		  struct error *err)
{
	static const struct {
		const char *key;
		const char *inner;
		bool is_range;
	} keys[] = {
		{ "range", "", true },    { "ipRanges", "range", true },
		{ "subnet", "", true },   { "ranges", "subnet", true },
		{ "exclude", "", false }, { "ipRanges", "exclude", false },
	};

	if (!json_member(root, "ipam", &nad->ipam))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct json_at at;
		int r;

		if (!json_member(&nad->ipam, keys[i].key, &at))
			continue;
		r = nad_each(nad, &at, keys[i].inner,
			     keys[i].is_range ? nad_add_range
					      : nad_add_excluded,
			     err);
		if (r < 0)
			return r;
	}
	return 0;
}

bool nad_is_excluded(const struct nad *nad, const struct inet_addr *addr)
{
	for (size_t i = 0; i < nad->n_excluded; i++)
		if (inet_prefix_contains(&nad->excluded[i], addr))
			return true;
	return false;
}

bool nad_is_in_range(const struct nad *nad, const struct inet_addr *addr)
{
	for (size_t i = 0; i < nad->n_ranges; i++)
		if (inet_prefix_contains(&nad->ranges[i].network, addr))
			return true;
	return false;
}
