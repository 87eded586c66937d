#include "ipam/range.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define RANGE_MAX (~(inet_uint)0)

void range_set_clear(struct range_set *set)
{
	free(set->items);
	*set = (struct range_set){ 0 };
}

/* Index of the first interval that ends at @value or later. */
static size_t range_set_find(const struct range_set *set, inet_uint value)
{
	size_t low = 0;
	size_t high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->items[middle].last < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Replace @drop intervals at @at by @n new ones. */
static int range_set_splice(struct range_set *set, size_t at, size_t drop,
			    const struct range_interval *items, size_t n,
			    struct error *err)
{
	size_t tail = set->count - at - drop;

	if (n > drop) {
		struct range_interval *grown;

		grown = reallocarray(set->items, set->count + n - drop,
				     sizeof(*grown));
		if (!grown)
			return error_oom(err);
		set->items = grown;
	}
	if (tail > 0)
		memmove(set->items + at + n, set->items + at + drop,
			tail * sizeof(*items));
	if (n > 0)
		memcpy(set->items + at, items, n * sizeof(*items));
	set->count = at + n + tail;
	return 0;
}

int range_set_add(struct range_set *set, inet_uint first, inet_uint last,
		  struct error *err)
{
	struct range_interval merged = { first, last };
	size_t from, to;

	assert(first <= last);

	/* Neighbours merge too: [1,2] and [3,4] are one interval. */
	from = range_set_find(set, first > 0 ? first - 1 : 0);
	for (to = from; to < set->count; to++) {
		const struct range_interval *item = &set->items[to];

		if (last != RANGE_MAX && item->first > last + 1)
			break;
		if (item->first < merged.first)
			merged.first = item->first;
		if (item->last > merged.last)
			merged.last = item->last;
	}
	return range_set_splice(set, from, to - from, &merged, 1, err);
}

int range_set_remove(struct range_set *set, inet_uint first, inet_uint last,
		     struct error *err)
{
	struct range_interval rest[2];
	size_t from, to;
	size_t n = 0;

	assert(first <= last);

	from = range_set_find(set, first);
	for (to = from; to < set->count; to++) {
		const struct range_interval *item = &set->items[to];

		if (item->first > last)
			break;
		if (item->first < first)
			rest[n++] = (struct range_interval){ item->first,
							     first - 1 };
		if (item->last > last)
			rest[n++] = (struct range_interval){ last + 1,
							     item->last };
	}
	return range_set_splice(set, from, to - from, rest, n, err);
}

bool range_set_contains(const struct range_set *set, inet_uint value)
{
	inet_uint found;

	return range_set_next(set, value, &found) && found == value;
}

inet_uint range_set_size(const struct range_set *set)
{
	inet_uint size = 0;

	for (size_t i = 0; i < set->count; i++) {
		inet_uint more = set->items[i].last - set->items[i].first;

		if (more == RANGE_MAX || size + more + 1 < size)
			return RANGE_MAX;
		size += more + 1;
	}
	return size;
}

bool range_set_next(const struct range_set *set, inet_uint from, inet_uint *ret)
{
	size_t i = range_set_find(set, from);

	if (i == set->count)
		return false;
	*ret = from > set->items[i].first ? from : set->items[i].first;
	return true;
}

bool range_set_overlaps(const struct range_set *a, const struct range_set *b)
{
	for (size_t i = 0; i < a->count; i++) {
		inet_uint found;

		if (range_set_next(b, a->items[i].first, &found) &&
		    found <= a->items[i].last)
			return true;
	}
	return false;
}

static int range_bad(const char *text, struct error *err)
{
	return error_set(err, ERROR_CONFIG, 0,
			 "\"%s\" is no range: expected ADDRESS/LENGTH or "
			 "FIRST-LAST/LENGTH",
			 text);
}

int range_parse(const char *text, struct range *ret, struct error *err)
{
	struct range range = { 0 };
	struct inet_prefix prefix;
	char first[INET_ADDR_TEXT];
	const char *dash = strchr(text, '-');
	size_t len = dash ? (size_t)(dash - text) : 0;

	if (!inet_prefix_parse_lenient(dash ? dash + 1 : text, &prefix))
		return range_bad(text, err);
	range.network = inet_prefix_network(&prefix);
	if (!dash) {
		*ret = range;
		return 0;
	}

	if (len >= sizeof(first))
		return range_bad(text, err);
	memcpy(first, text, len);
	first[len] = '\0';
	if (!inet_addr_parse_lenient(first, &range.start))
		return range_bad(text, err);
	if (!inet_prefix_contains(&range.network, &range.start))
		return error_set(err, ERROR_CONFIG, 0,
				 "\"%s\": %s is not in the network of %s", text,
				 first, dash + 1);
	range.end = prefix.addr;
	*ret = range;
	return 0;
}

const char *range_format(const struct range *range, char buf[static RANGE_TEXT])
{
	uint8_t family = range->network.addr.family;
	inet_uint first, last;
	struct inet_addr addr;
	char start[INET_ADDR_TEXT];
	char end[INET_ADDR_TEXT];

	range_span(range, &first, &last);
	addr = inet_addr_from_uint(family, first);
	inet_addr_format(&addr, start);
	addr = inet_addr_from_uint(family, last);
	inet_addr_format(&addr, end);
	if (range->start.family || range->end.family)
		snprintf(buf, RANGE_TEXT, "%s-%s/%u", start, end,
			 range->network.len);
	else
		snprintf(buf, RANGE_TEXT, "%s/%u", start, range->network.len);
	return buf;
}

static void range_bounds(const struct range *range, inet_uint *ret_first,
			 inet_uint *ret_last)
{
	struct inet_addr first = inet_prefix_first(&range->network);
	struct inet_addr last = inet_prefix_last(&range->network);

	*ret_first = inet_addr_to_uint(&first);
	*ret_last = inet_addr_to_uint(&last);
}

void range_span(const struct range *range, inet_uint *ret_first,
		inet_uint *ret_last)
{
	range_bounds(range, ret_first, ret_last);
	if (range->start.family)
		*ret_first = inet_addr_to_uint(&range->start);
	if (range->end.family)
		*ret_last = inet_addr_to_uint(&range->end);
}

static int range_check_in(const struct range *range,
			  const struct inet_addr *addr, const char *which,
			  struct error *err)
{
	char network[INET_PREFIX_TEXT];
	char text[INET_ADDR_TEXT];

	if (!addr->family || inet_prefix_contains(&range->network, addr))
		return 0;
	return error_set(err, ERROR_CONFIG, 0, "%s %s is not in %s", which,
			 inet_addr_format(addr, text),
			 inet_prefix_format(&range->network, network));
}

int range_check(const struct range *range, struct error *err)
{
	char start[INET_ADDR_TEXT];
	char end[INET_ADDR_TEXT];
	int r;

	r = range_check_in(range, &range->start, "start", err);
	if (r < 0)
		return r;
	r = range_check_in(range, &range->end, "end", err);
	if (r < 0)
		return r;
	if (range->start.family && range->end.family &&
	    inet_addr_compare(&range->start, &range->end) > 0)
		return error_set(err, ERROR_CONFIG, 0,
				 "end %s is before start %s",
				 inet_addr_format(&range->end, end),
				 inet_addr_format(&range->start, start));
	return 0;
}

struct inet_prefix range_cover(const struct range *range)
{
	struct inet_prefix cover = range->network;
	inet_uint first, last;

	range_span(range, &first, &last);
	cover.addr = inet_addr_from_uint(cover.addr.family, first);
	cover.len = (uint8_t)inet_family_bits(cover.addr.family);
	for (inet_uint differ = first ^ last; differ > 0; differ >>= 1)
		cover.len--;
	return inet_prefix_network(&cover);
}

static int range_check_size(const struct range *range, struct error *err)
{
	char text[INET_PREFIX_TEXT];

	if (range->network.len + 2u <=
	    inet_family_bits(range->network.addr.family))
		return 0;
	return error_set(err, ERROR_CONFIG, 0,
			 "%s is too small: it has no host addresses (one "
			 "address is written as 10.0.0.5-10.0.0.5/24)",
			 inet_prefix_format(&range->network, text));
}

int range_usable(const struct range *range, struct range_set *ret,
		 struct error *err)
{
	inet_uint start = inet_addr_to_uint(&range->start);
	inet_uint end = inet_addr_to_uint(&range->end);
	uint8_t family = range->network.addr.family;
	inet_uint first, last;
	int r;

	r = range_check_size(range, err);
	if (r < 0)
		return r;

	range_bounds(range, &first, &last);
	first++;
	last--;
	/* The end is judged by the narrowed start, as Whereabouts does: an
	 * inverted pair means "from the start to the end of the network". */
	if (range->start.family == family && start >= first && start <= last)
		first = start;
	if (range->end.family == family && end >= first && end <= last)
		last = end;
	return range_set_add(ret, first, last, err);
}

int range_usable_host_local(const struct range *range, struct range_set *ret,
			    struct error *err)
{
	struct inet_prefix network = inet_prefix_network(&range->network);
	char text[INET_PREFIX_TEXT];
	inet_uint first, last, low, high;
	int r;

	if (!inet_prefix_equal(&network, &range->network))
		return error_set(err, ERROR_CONFIG, 0,
				 "host bits are set: the network is %s",
				 inet_prefix_format(&network, text));
	r = range_check_size(range, err);
	if (r < 0)
		return r;
	r = range_check(range, err);
	if (r < 0)
		return r;

	range_bounds(range, &low, &high);
	low++;
	if (network.addr.family == AF_INET)
		high--;
	range_span(range, &first, &last);
	if (first < low)
		first = low;
	if (last > high)
		last = high;
	if (first > last)
		return 0;
	return range_set_add(ret, first, last, err);
}
