/* Whereabouts' ranges (research: Whereabouts 0.9.4 pkg/config, pkg/types). */

#include "ipam/config-priv.h"
#include "lib/log.h"

/* What Whereabouts passes over in silence: an error, or for its own type a
 * warning. */
int ipam_complain(const struct ipam_section *section, struct error *err)
{
	if (!section->lenient)
		return error_return(err);
	log_warning("%s (ignored, as Whereabouts does)", err->details);
	*err = (struct error){ 0 };
	return 0;
}

/* Top-level "range_start" and "range_end": leading zeros pass, and what is no
 * address is none. */
static int read_bound(const struct ipam_section *section,
		      const struct json_at *at, bool top, struct inet_addr *ret,
		      struct error *err)
{
	const char *text;

	if (!ipam_is_given(at))
		return 0;
	if (!top)
		return ipam_read_addr(at, ret, err);
	text = json_text(at);
	if (!text)
		return json_expected(at, "an address", err);
	if (inet_addr_parse_lenient(text, ret))
		return 0;
	json_error(at, err, "\"%s\" is no address", text);
	return ipam_complain(section, err);
}

static int read_exclusion(const struct json_at *at, struct inet_prefix *ret,
			  struct error *err)
{
	const char *text = json_text(at);
	struct inet_addr addr;

	if (!text)
		return json_expected(at, "an address or ADDRESS/LENGTH", err);
	if (inet_prefix_parse(text, ret))
		return 0;
	if (!inet_addr_parse(text, &addr))
		return json_error(at, err,
				  "\"%s\" is neither an address nor "
				  "ADDRESS/LENGTH",
				  text);
	*ret = inet_prefix_host(&addr);
	return 0;
}

int ipam_exclude(const struct json_at *at, struct ipam_range *range,
		 struct error *err)
{
	struct inet_prefix prefix;
	struct inet_addr first, last;
	int r;

	if (!ipam_is_given(at))
		return 0;
	if (json_type(at) != JSON_TYPE_ARRAY)
		return json_expected(at, "an array", err);
	for (size_t i = 0; i < json_count(at); i++) {
		struct json_at item = json_element(at, i);

		r = read_exclusion(&item, &prefix, err);
		if (r < 0)
			return r;
		if (prefix.addr.family != range->range.network.addr.family)
			continue;
		first = inet_prefix_first(&prefix);
		last = inet_prefix_last(&prefix);
		r = range_set_remove(&range->candidates,
				     inet_addr_to_uint(&first),
				     inet_addr_to_uint(&last), err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_window(const struct ipam_section *section,
		       const struct ipam_window *window, bool top,
		       struct range *ret, struct error *err)
{
	const char *text = json_text(&window->range);
	int r;

	if (!text)
		return json_expected(&window->range, "a string", err);
	r = range_parse(text, ret, err);
	if (r < 0)
		return ipam_at_context(&window->range, err);

	/* FIRST-LAST/LENGTH says it already. */
	if (!ret->start.family) {
		r = read_bound(section, &window->start, top, &ret->start, err);
		if (r < 0)
			return r;
		r = read_bound(section, &window->end, top, &ret->end, err);
		if (r < 0)
			return r;
	}
	r = range_check(ret, err);
	if (r < 0) {
		ipam_at_context(&window->range, err);
		return ipam_complain(section, err);
	}
	return 0;
}

int ipam_sets_add_window(const struct ipam_section *section,
			 const struct ipam_window *window, bool top,
			 struct ipam_sets *sets, struct error *err)
{
	struct ipam_range_set *set = ipam_sets_add(sets, 1);
	int r;

	if (!set)
		return error_oom(err);
	set->count = 1;
	r = read_window(section, window, top, &set->ranges[0].range, err);
	if (r < 0)
		return r;
	set->family = set->ranges[0].range.network.addr.family;
	r = range_usable(&set->ranges[0].range, &set->ranges[0].candidates,
			 err);
	if (r < 0)
		return ipam_at_context(&window->range, err);
	return ipam_exclude(&window->exclude, &set->ranges[0], err);
}

static const struct json_field window_fields[] = {
	JSON_WITH("range", ipam_read_at, struct ipam_window, range,
		  JSON_REQUIRED),
	JSON_WITH("range_start", ipam_read_at, struct ipam_window, start, 0),
	JSON_WITH("range_end", ipam_read_at, struct ipam_window, end, 0),
	JSON_WITH("exclude", ipam_read_at, struct ipam_window, exclude, 0),
	JSON_END
};

int ipam_sets_add_windows(const struct ipam_section *section,
			  struct ipam_sets *sets, struct error *err)
{
	const struct json_at *at = &section->ip_ranges;
	int r;

	if (!at->node)
		return 0;
	if (json_type(at) != JSON_TYPE_ARRAY)
		return json_expected(at, "an array", err);
	for (size_t i = 0; i < json_count(at); i++) {
		struct json_at item = json_element(at, i);
		struct ipam_window window = { 0 };

		r = json_read_object(&item, window_fields, &window,
				     JSON_UNKNOWN_WARN, err);
		if (r < 0)
			return r;
		r = ipam_sets_add_window(section, &window, false, sets, err);
		if (r < 0)
			return r;
	}
	return 0;
}
