/*
 * The first line is a range; each further one takes the span of another range
 * out of its addresses ("-10.0.0.0/30") or adds it ("+10.0.0.8-10.0.0.9/24").
 * What is parsed is printed and parsed as the same range, and a set stays
 * sorted, disjoint, and true to the last thing done to it.
 */
#include "ipam/range.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

static void check_set(const struct range_set *set)
{
	inet_uint size = 0;
	inet_uint next;

	for (size_t i = 0; i < set->count; i++) {
		const struct range_interval *item = &set->items[i];

		assert(item->first <= item->last);
		assert(i == 0 || item[-1].last + 1 < item->first);
		assert(range_set_contains(set, item->first));
		assert(range_set_contains(set, item->last));
		size += item->last - item->first + 1;
	}
	/* Zero: empty, or all addresses of IPv6. */
	assert(range_set_size(set) == size || size == 0);
	assert(range_set_next(set, 0, &next) == (set->count > 0));
}

static void check_text(const struct range *range)
{
	struct error err = { 0 };
	struct range again = { 0 };
	char text[RANGE_TEXT];
	char text_again[RANGE_TEXT];
	int r;

	range_format(range, text);
	r = range_parse(text, &again, &err);
	assert(r == 0);
	assert(inet_prefix_equal(&range->network, &again.network));
	assert(strcmp(text, range_format(&again, text_again)) == 0);
}

static void check_cover(const struct range *range)
{
	struct inet_prefix cover = range_cover(range);
	uint8_t family = range->network.addr.family;
	inet_uint first, last;
	struct inet_addr addr;

	range_span(range, &first, &last);
	addr = inet_addr_from_uint(family, first);
	assert(inet_prefix_contains(&cover, &addr));
	addr = inet_addr_from_uint(family, last);
	assert(inet_prefix_contains(&cover, &addr));
	assert(cover.len >= range->network.len);
}

static void check_host_local(const struct range *range)
{
	cleanup_range_set struct range_set set = { 0 };
	struct error err = { 0 };

	if (range_usable_host_local(range, &set, &err) < 0)
		assert(err.code == ERROR_CONFIG);
	else
		assert(range_check(range, &err) == 0);
	check_set(&set);
}

static void change_set(struct range_set *set, const char *line)
{
	struct error err = { 0 };
	inet_uint first, last;
	struct range range;
	int r;

	if ((*line != '-' && *line != '+') ||
	    range_parse(line + 1, &range, &err) < 0)
		return;
	range_span(&range, &first, &last);
	if (first > last)
		return;
	r = *line == '+' ? range_set_add(set, first, last, &err)
			 : range_set_remove(set, first, last, &err);
	assert(r == 0);
	check_set(set);
	assert(range_set_contains(set, first) == (*line == '+'));
	assert(range_set_contains(set, last) == (*line == '+'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_range_set struct range_set set = { 0 };
	cleanup_free char *text = strndup((const char *)data, size);
	struct error err = { 0 };
	char *rest = text;
	struct range range;
	char *line;

	line = strsep(&rest, "\n");
	if (range_parse(line, &range, &err) < 0) {
		assert(err.code == ERROR_CONFIG && *err.details);
		return 0;
	}
	check_text(&range);
	check_cover(&range);
	check_host_local(&range);
	if (range_usable(&range, &set, &err) == 0)
		assert(set.count == 1);
	while ((line = strsep(&rest, "\n")))
		change_set(&set, line);
	return 0;
}
