/* host-local's ranges (containernetworking/plugins 1.9.1, host-local), and the
 * runtime's, which have the same shape. */

#include "ipam/config-priv.h"

#include <string.h>

static struct inet_addr first_host(const struct inet_prefix *network)
{
	struct inet_addr first = inet_prefix_first(network);

	return inet_addr_from_uint(first.family, inet_addr_to_uint(&first) + 1);
}

static int read_subnet(const struct ipam_subnet *subnet, struct ipam_range *ret,
		       struct error *err)
{
	struct range *range = &ret->range;
	const char *text = json_text(&subnet->subnet);
	int r;

	if (!text)
		return json_expected(&subnet->subnet, "a string", err);
	if (!inet_prefix_parse(text, &range->network))
		return json_error(&subnet->subnet, err,
				  "\"%s\" is not ADDRESS/LENGTH", text);
	if (ipam_is_given(&subnet->start)) {
		r = ipam_read_addr(&subnet->start, &range->start, err);
		if (r < 0)
			return r;
	}
	if (ipam_is_given(&subnet->end)) {
		r = ipam_read_addr(&subnet->end, &range->end, err);
		if (r < 0)
			return r;
	}
	ret->gateway = first_host(&range->network);
	if (ipam_is_given(&subnet->gateway)) {
		r = ipam_read_addr(&subnet->gateway, &ret->gateway, err);
		if (r < 0)
			return r;
	}
	r = range_usable_host_local(range, &ret->candidates, err);
	if (r < 0)
		return ipam_at_context(&subnet->subnet, err);
	if (ret->gateway.family != range->network.addr.family)
		return json_error(&subnet->gateway, err,
				  "is not of the family of %s", text);
	return 0;
}

/* Nothing may be in two sets, nor twice in one. */
static int check_overlap(const struct json_at *at, const struct ipam_sets *sets,
			 const struct ipam_range *range, struct error *err)
{
	char mine[RANGE_TEXT], other[RANGE_TEXT];

	for (size_t i = 0; i < sets->count; i++) {
		const struct ipam_range_set *set = &sets->items[i];

		if (!set->host_local ||
		    set->family != range->range.network.addr.family)
			continue;
		for (size_t j = 0; j < set->count; j++)
			if (range != &set->ranges[j] &&
			    range_set_overlaps(&range->candidates,
					       &set->ranges[j].candidates))
				return json_error(
					at, err, "%s overlaps %s",
					range_format(&range->range, mine),
					range_format(&set->ranges[j].range,
						     other));
	}
	return 0;
}

/* One more alternative of a set. */
static int add_subnet(const struct json_at *at,
		      const struct ipam_subnet *subnet,
		      const struct ipam_sets *sets, struct ipam_range_set *set,
		      struct error *err)
{
	struct ipam_range *range = &set->ranges[set->count];
	uint8_t family;
	int r;

	set->count++; /* what it holds is freed with the set */
	r = read_subnet(subnet, range, err);
	if (r < 0)
		return r;
	family = range->range.network.addr.family;
	if (set->count > 1 && set->family != family)
		return json_error(at, err,
				  "a set has ranges of one family only");
	set->family = family;
	return check_overlap(at, sets, range, err);
}

static const struct json_field subnet_fields[] = {
	JSON_WITH("subnet", ipam_read_at, struct ipam_subnet, subnet,
		  JSON_REQUIRED),
	JSON_WITH("rangeStart", ipam_read_at, struct ipam_subnet, start, 0),
	JSON_WITH("rangeEnd", ipam_read_at, struct ipam_subnet, end, 0),
	JSON_WITH("gateway", ipam_read_at, struct ipam_subnet, gateway, 0),
	JSON_END
};

static int add_subnet_set(const struct json_at *at, struct ipam_sets *sets,
			  struct error *err)
{
	struct ipam_range_set *set;
	int r;

	if (json_type(at) != JSON_TYPE_ARRAY)
		return json_expected(at, "an array of ranges", err);
	if (json_count(at) == 0)
		return json_error(at, err, "a set needs a range");
	set = ipam_sets_add(sets, json_count(at));
	if (!set)
		return error_oom(err);
	set->host_local = true;
	for (size_t i = 0; i < json_count(at); i++) {
		struct json_at item = json_element(at, i);
		struct ipam_subnet subnet = { 0 };

		r = json_read_object(&item, subnet_fields, &subnet,
				     JSON_UNKNOWN_WARN, err);
		if (r < 0)
			return r;
		r = add_subnet(&item, &subnet, sets, set, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int ipam_sets_add_ranges(const struct json_at *at, struct ipam_sets *sets,
			 struct error *err)
{
	int r;

	if (json_type(at) != JSON_TYPE_ARRAY)
		return json_expected(at, "an array of range sets", err);
	for (size_t i = 0; i < json_count(at); i++) {
		struct json_at item = json_element(at, i);

		r = add_subnet_set(&item, sets, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int ipam_sets_add_subnet(const struct ipam_section *section,
			 struct ipam_sets *sets, struct error *err)
{
	struct ipam_range_set *set = ipam_sets_add(sets, 1);
	int r;

	if (!set)
		return error_oom(err);
	set->host_local = true;
	r = add_subnet(&section->subnet.subnet, &section->subnet, sets, set,
		       err);
	if (r < 0)
		return r;
	return ipam_exclude(&section->window.exclude, &set->ranges[0], err);
}

int ipam_config_add_ranges(struct ipam_config *config, const struct json_at *at,
			   struct error *err)
{
	cleanup_ipam_sets struct ipam_sets sets = { 0 };
	struct ipam_range_set *all;
	size_t first;
	int r;

	if (!ipam_config_is_builtin(config) || json_type(at) == JSON_TYPE_NULL)
		return 0;
	r = ipam_sets_add_ranges(at, &sets, err);
	if (r < 0 || sets.count == 0)
		return r;
	r = ipam_sets_check(sets.count + config->n_sets, err);
	if (r < 0)
		return r;

	first = sets.count;
	all = reallocarray(sets.items, first + config->n_sets, sizeof(*all));
	if (!all)
		return error_oom(err);
	sets.items = NULL;
	sets.count = 0;
	if (config->n_sets > 0)
		memcpy(all + first, config->sets,
		       config->n_sets * sizeof(*all));
	free(config->sets);
	config->sets = all;
	config->n_sets += first;

	for (size_t i = first; i < config->n_sets; i++) {
		const struct ipam_sets before = { all, first };

		for (size_t j = 0; all[i].host_local && j < all[i].count; j++) {
			r = check_overlap(at, &before, &all[i].ranges[j], err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}
