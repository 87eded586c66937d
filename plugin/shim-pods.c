#include "plugin/shim-priv.h"

#include <stdlib.h>
#include <sys/socket.h>

/*
 * What this network may give to its pods, as a set and as prefixes; and whether
 * a NIC can go on beside it.
 */

/* --- prefixes of a set ------------------------------------------------------- */

struct shim_prefixes {
	struct inet_prefix *items;
	size_t count;
};

/* The shortest prefix that starts at @first and ends by @last. */
static uint8_t shim_block(uint8_t family, inet_uint first, inet_uint last,
			  inet_uint *ret_last)
{
	unsigned int bits = inet_family_bits(family);
	unsigned int len = bits;

	*ret_last = first;
	while (len > 1) {
		inet_uint size = (inet_uint)1 << (bits - len + 1);

		if ((first & (size - 1)) != 0 || last - first < size - 1)
			break;
		*ret_last = first + (size - 1);
		len--;
	}
	return (uint8_t)len;
}

static int shim_prefixes_add(struct shim_prefixes *list,
			     const struct inet_prefix *prefix,
			     struct error *err)
{
	struct inet_prefix *grown;

	grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	grown[list->count++] = *prefix;
	list->items = grown;
	return 0;
}

static int shim_cover_interval(struct shim_prefixes *list, uint8_t family,
			       const struct range_interval *interval,
			       struct error *err)
{
	inet_uint first = interval->first;
	inet_uint last;

	for (;; first = last + 1) {
		struct inet_prefix prefix = {
			.addr = inet_addr_from_uint(family, first),
			.len = shim_block(family, first, interval->last, &last),
		};

		if (shim_prefixes_add(list, &prefix, err) < 0)
			return error_return(err);
		if (last == interval->last)
			return 0;
	}
}

int shim_cover(const struct range_set *set, uint8_t family,
	       struct inet_prefix **ret, size_t *ret_count, struct error *err)
{
	struct shim_prefixes list = { 0 };

	for (size_t i = 0; i < set->count; i++) {
		if (shim_cover_interval(&list, family, &set->items[i], err) <
		    0) {
			free(list.items);
			return error_return(err);
		}
	}
	*ret = list.items;
	*ret_count = list.count;
	return 0;
}

/* --- what pods may have, in one family ----------------------------------------- */

static int shim_add_interval(struct range_set *set,
			     const struct inet_addr *addr, struct error *err)
{
	inet_uint value = inet_addr_to_uint(addr);

	return range_set_add(set, value, value, err);
}

/* All that this network may give to pods; static addresses too. */
int shim_pods(const struct shim *s, uint8_t family, struct range_set *ret,
	      struct error *err)
{
	const struct ipam_config *ipam = &s->config->ipam;
	int r = 0;

	for (size_t i = 0; i < ipam->n_sets && r == 0; i++) {
		const struct ipam_range_set *set = &ipam->sets[i];

		for (size_t j = 0; set->family == family && j < set->count; j++)
			for (size_t k = 0;
			     r == 0 && k < set->ranges[j].candidates.count;
			     k++) {
				const struct range_interval *item =
					&set->ranges[j].candidates.items[k];

				r = range_set_add(ret, item->first, item->last,
						  err);
			}
	}
	for (size_t i = 0; i < ipam->n_statics && r == 0; i++)
		if (ipam->statics[i].address.addr.family == family)
			r = shim_add_interval(ret,
					      &ipam->statics[i].address.addr,
					      err);
	return r;
}

static int shim_remove(struct range_set *set, const struct inet_addr *addr,
		       uint8_t family, struct error *err)
{
	inet_uint value = inet_addr_to_uint(addr);

	if (addr->family != family)
		return 0;
	return range_set_remove(set, value, value, err);
}

/* Take out what is spoken for in any subnet: gateways and nodes. */
static int shim_remove_known(const struct shim *s, struct range_set *set,
			     uint8_t family, struct error *err)
{
	const struct config *config = s->config;
	int r = 0;

	for (size_t i = 0; i < config->n_nodes && r == 0; i++)
		for (size_t j = 0; j < config->nodes[i].n_addresses && r == 0;
		     j++)
			r = shim_remove(set,
					&config->nodes[i].addresses[j].addr,
					family, err);
	for (size_t i = 0; i < config->ipam.n_sets && r == 0; i++)
		for (size_t j = 0; j < config->ipam.sets[i].count && r == 0;
		     j++)
			r = shim_remove(set,
					&config->ipam.sets[i].ranges[j].gateway,
					family, err);
	return r;
}

/* Of the NIC's subnet, what no pod and no node of this network may have. */
static int shim_others(const struct shim *s, const struct shim_address *want,
		       const struct range_set *pods, struct range_set *ret,
		       struct error *err)
{
	uint8_t family = want->nic.addr.family;
	struct inet_addr first = inet_prefix_first(&want->nic);
	struct inet_addr last = inet_prefix_last(&want->nic);
	int r;

	r = range_set_add(ret, inet_addr_to_uint(&first),
			  inet_addr_to_uint(&last), err);
	if (r == 0)
		r = shim_remove(ret, &first, family, err);
	if (r == 0)
		r = shim_remove(ret, &last, family, err);
	if (r == 0)
		r = shim_remove(ret, &want->nic.addr, family, err);
	if (r == 0)
		r = shim_remove(ret, &want->address.addr, family, err);
	if (r == 0)
		r = shim_remove_known(s, ret, family, err);
	for (size_t i = 0; i < pods->count && r == 0; i++)
		r = range_set_remove(ret, pods->items[i].first,
				     pods->items[i].last, err);
	return r;
}

int shim_check_share(const struct shim *s, const struct shim_address *want,
		     const struct range_set *pods, struct error *err)
{
	cleanup_range_set struct range_set others = { 0 };
	char text[INET_PREFIX_TEXT];
	int r;

	inet_prefix_format(&want->nic, text);
	if (range_set_contains(pods, inet_addr_to_uint(&want->nic.addr)))
		return error_set(
			err, ERROR_UNSUPPORTED, 0,
			"ipam: a pod could be given %s, the address of %s: exclude it, or give the pods a part of the subnet",
			text, s->parent->name);
	r = shim_others(s, want, pods, &others, err);
	if (r < 0)
		return r;
	if (others.count > 0)
		return 0;
	return error_set(
		err, ERROR_UNSUPPORTED, 0,
		"ipam: the range is no more specific than %s of %s, which keeps its address: it would route the whole subnet to the shim; give the pods a part of it (range_start and range_end, or exclude)",
		text, s->parent->name);
}
