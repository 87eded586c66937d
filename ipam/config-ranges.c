/*
 * Ranges as people write them, into sets of candidates.
 *
 * Whereabouts' "range" and each of its "ipRanges" is a set of its own and gives
 * one address. host-local's "ranges" is an array of sets, each an array of
 * alternatives; its older "subnet" is a set of one. In the order range,
 * ipRanges, subnet, ranges; what the runtime hands over comes before all.
 */

#include "ipam/config-priv.h"
#include "ipam/store.h"
#include "lib/log.h"

#include <sys/socket.h>

void ipam_range_sets_clear(struct ipam_range_set *sets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < sets[i].count; j++)
			range_set_clear(&sets[i].ranges[j].candidates);
		free(sets[i].ranges);
	}
	free(sets);
}

const struct ipam_range *
ipam_range_set_candidate(const struct ipam_range_set *set, inet_uint value)
{
	for (size_t i = 0; i < set->count; i++)
		if (range_set_contains(&set->ranges[i].candidates, value))
			return &set->ranges[i];
	return NULL;
}

const struct ipam_range *ipam_range_set_find(const struct ipam_range_set *set,
					     const struct inet_addr *addr)
{
	for (size_t i = 0; i < set->count; i++)
		if (inet_prefix_contains(&set->ranges[i].range.network, addr))
			return &set->ranges[i];
	return NULL;
}

void ipam_sets_clear(struct ipam_sets *sets)
{
	ipam_range_sets_clear(sets->items, sets->count);
}

int ipam_at_context(const struct json_at *at, struct error *err)
{
	char path[JSON_PATH];

	return error_context(err, "%s", json_path(at, path, sizeof(path)));
}

bool ipam_is_given(const struct json_at *at)
{
	const char *text = at->node ? json_text(at) : NULL;

	return at->node && !(text && !*text);
}

struct ipam_range_set *ipam_sets_add(struct ipam_sets *sets, size_t ranges)
{
	struct ipam_range_set *grown;

	grown = reallocarray(sets->items, sets->count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	sets->items = grown;
	grown += sets->count;
	*grown = (struct ipam_range_set){ 0 };
	grown->ranges = calloc(ranges + 1, sizeof(*grown->ranges));
	if (!grown->ranges)
		return NULL;
	sets->count++;
	return grown;
}

int ipam_sets_check(size_t count, struct error *err)
{
	if (count <= STORE_MAX_ADDRESSES)
		return 0;
	return error_set(err, ERROR_CONFIG, 0,
			 "ipam: %zu range sets, more than the %d addresses "
			 "that an attachment can have",
			 count, STORE_MAX_ADDRESSES);
}

/* Bounds and exclusions that belong to nothing would be lost in silence. */
static int check_orphan(const struct ipam_section *section,
			const struct json_at *at, bool has_owner,
			const char *owner, struct error *err)
{
	if (has_owner || !ipam_is_given(at))
		return 0;
	if (json_type(at) == JSON_TYPE_ARRAY && json_count(at) == 0)
		return 0;
	json_error(at, err, "given without \"%s\", to which it belongs", owner);
	return ipam_complain(section, err);
}

static int check_orphans(const struct ipam_section *section, struct error *err)
{
	bool range = ipam_is_given(&section->window.range);
	bool subnet = ipam_is_given(&section->subnet.subnet);
	const struct {
		const struct json_at *at;
		bool has_owner;
		const char *owner;
	} keys[] = {
		{ &section->window.start, range, "range" },
		{ &section->window.end, range, "range" },
		{ &section->window.exclude, range || subnet, "range" },
		{ &section->subnet.start, subnet, "subnet" },
		{ &section->subnet.end, subnet, "subnet" },
	};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		r = check_orphan(section, keys[i].at, keys[i].has_owner,
				 keys[i].owner, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* "gateway" goes to every range of its family that Whereabouts' keys name. */
static int set_gateway(const struct ipam_section *section,
		       struct ipam_sets *sets, struct error *err)
{
	const struct json_at *at = &section->subnet.gateway;
	struct inet_addr gateway = { 0 };
	bool used = ipam_is_given(&section->subnet.subnet);
	char path[JSON_PATH];
	char text[RANGE_TEXT];
	int r;

	if (!ipam_is_given(at))
		return 0;
	r = ipam_read_addr(at, &gateway, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sets->count; i++) {
		struct ipam_range_set *set = &sets->items[i];

		if (set->host_local || set->family != gateway.family)
			continue;
		set->ranges[0].gateway = gateway;
		used = true;
		if (!inet_prefix_contains(&set->ranges[0].range.network,
					  &gateway))
			log_warning("%s: not in the network of %s",
				    json_path(at, path, sizeof(path)),
				    range_format(&set->ranges[0].range, text));
	}
	if (!used)
		log_warning("%s: no range of its family, not used",
			    json_path(at, path, sizeof(path)));
	return 0;
}

int ipam_section_ranges(struct ipam_section *section, struct error *err)
{
	cleanup_ipam_sets struct ipam_sets sets = { 0 };
	int r;

	r = check_orphans(section, err);
	if (r == 0 && ipam_is_given(&section->window.range))
		r = ipam_sets_add_window(section, &section->window, true, &sets,
					 err);
	if (r == 0)
		r = ipam_sets_add_windows(section, &sets, err);
	if (r == 0 && ipam_is_given(&section->subnet.subnet))
		r = ipam_sets_add_subnet(section, &sets, err);
	if (r == 0 && section->ranges.node)
		r = ipam_sets_add_ranges(&section->ranges, &sets, err);
	if (r == 0)
		r = set_gateway(section, &sets, err);
	if (r == 0)
		r = ipam_sets_check(sets.count, err);
	if (r < 0)
		return r;

	section->config.sets = take_ptr(sets.items);
	section->config.n_sets = sets.count;
	sets.count = 0;
	return 0;
}

static int add_host_range(struct ipam_section *section,
			  const struct json_at *at, struct error *err)
{
	struct ipam_config *config = &section->config;
	const char *text = json_text(at);
	struct range *grown;
	struct range range;
	int r;

	if (!text)
		return json_expected(at, "a range", err);
	r = range_parse(text, &range, err);
	if (r == 0)
		r = range_check(&range, err);
	if (r < 0)
		return ipam_at_context(at, err);
	for (size_t i = 0; i < config->n_host_ranges; i++)
		if (config->host_ranges[i].network.addr.family ==
		    range.network.addr.family)
			return json_error(at, err,
					  "a second one of its family");

	grown = reallocarray(config->host_ranges, config->n_host_ranges + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	grown[config->n_host_ranges++] = range;
	config->host_ranges = grown;
	return 0;
}

int ipam_section_host_ranges(struct ipam_section *section, struct error *err)
{
	const struct json_at *at = &section->host_range;
	int r = 0;

	if (!ipam_is_given(at))
		return 0;
	if (json_type(at) != JSON_TYPE_ARRAY)
		return add_host_range(section, at, err);
	for (size_t i = 0; i < json_count(at) && r == 0; i++) {
		struct json_at item = json_element(at, i);

		r = add_host_range(section, &item, err);
	}
	return r;
}
