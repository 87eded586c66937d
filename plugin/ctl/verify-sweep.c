#include "plugin/ctl/verify.h"

#include <sys/socket.h>

/*
 * For pods elsewhere the segment itself is asked, whatever store has given them
 * their addresses: a local table knows those of its node only. IPv6 subnets
 * cannot be asked so; their pods must be named.
 */

#define SWEEP_WAIT_MS 250
#define SWEEP_MAX     4096 /* addresses; of a larger subnet the first ones */

struct questions {
	struct inet_addr *items;
	size_t count;
	bool is_cut;
};

static int add_question(struct questions *q, const struct inet_addr *addr,
			struct error *err)
{
	struct inet_addr *grown;

	for (size_t i = 0; i < q->count; i++)
		if (inet_addr_equal(&q->items[i], addr))
			return 0;
	grown = reallocarray(q->items, q->count + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	q->items = grown;
	grown[q->count++] = *addr;
	return 0;
}

static int add_subnet(struct questions *q, const struct inet_prefix *subnet,
		      struct error *err)
{
	struct inet_addr first = inet_prefix_first(subnet);
	struct inet_addr last = inet_prefix_last(subnet);
	inet_uint from = inet_addr_to_uint(&first) + 1;
	inet_uint to = inet_addr_to_uint(&last);
	int r = 0;

	/* Whole subnets, one after the other: nothing is asked twice. */
	for (inet_uint at = from; at < to && r == 0; at++) {
		struct inet_addr *grown;

		if (q->count == SWEEP_MAX) {
			q->is_cut = true;
			return 0;
		}
		grown = reallocarray(q->items, q->count + 1, sizeof(*grown));
		if (!grown)
			return error_oom(err);
		q->items = grown;
		grown[q->count++] = inet_addr_from_uint(AF_INET, at);
	}
	return r;
}

static bool is_repeated(const struct ipam_config *ipam, size_t set,
			size_t range)
{
	const struct inet_prefix *this =
		&ipam->sets[set].ranges[range].range.network;

	for (size_t i = 0; i <= set; i++)
		for (size_t j = 0; j < ipam->sets[i].count; j++) {
			if (i == set && j == range)
				return false;
			if (inet_prefix_contains(
				    &ipam->sets[i].ranges[j].range.network,
				    &this->addr))
				return true;
		}
	return false;
}

static int add_subnets(struct verify *v, struct questions *q, struct error *err)
{
	const struct ipam_config *ipam = &v->network->config.ipam;
	int r = 0;

	for (size_t i = 0; i < ipam->n_sets && r == 0; i++) {
		const struct ipam_range_set *set = &ipam->sets[i];

		for (size_t j = 0; j < set->count && r == 0; j++)
			if (set->family == AF_INET && !is_repeated(ipam, i, j))
				r = add_subnet(q, &set->ranges[j].range.network,
					       err);
	}
	return r;
}

/* What is known by name as well, of the family that is asked about. */
static int add_known(struct verify *v, struct questions *q, int family,
		     struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < v->n_targets && r == 0; i++)
		if (v->targets[i].addr.family == family)
			r = add_question(q, &v->targets[i].addr, err);
	for (int i = 0; i < v->ctl->n_args && r == 0; i++) {
		struct inet_addr addr;

		if (inet_addr_parse(v->ctl->args[i], &addr) &&
		    addr.family == family && ctl_network_has(v->network, &addr))
			r = add_question(q, &addr, err);
	}
	return r;
}

/* The shim, or else the first pod that has an address of the family. */
static bool find_link(const struct verify *v, int family,
		      struct sweep_link *ret)
{
	for (size_t i = 0; i < v->n_sources; i++) {
		const struct verify_source *source = &v->sources[i];
		const struct child *child = source->child;
		struct inet_addr addr;

		for (size_t j = 0; !child && j < v->children.count; j++)
			if (v->children.items[j].is_shim)
				child = &v->children.items[j];
		for (size_t n = 0; child && verify_child_addr(child, n, &addr);
		     n++) {
			if (addr.family != family || !child->is_up)
				continue;
			*ret = (struct sweep_link){ source->netns, child->index,
						    child->mac, addr };
			return true;
		}
	}
	return false;
}

static int sweep_family(struct verify *v, int family, struct error *err)
{
	struct questions q = { 0 };
	struct sweep_link link;
	int r = 0;

	if (!find_link(v, family, &link))
		return 0;
	if (family == AF_INET)
		r = add_subnets(v, &q, err);
	if (r == 0)
		r = add_known(v, &q, family, err);
	if (r == 0 && q.count)
		r = sweep_run(&link, q.items, q.count, SWEEP_WAIT_MS, &v->sweep,
			      err);
	if (q.is_cut)
		report_warn(&v->ctl->report, v->network->config.name,
			    "name the pods elsewhere",
			    "the first %d addresses only were asked for",
			    SWEEP_MAX);
	free(q.items);
	return r;
}

/* A link that is down, or went away meanwhile, has no answers: legs will tell. */
int verify_sweep(struct verify *v, struct error *err)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct error silent = { 0 };

		if (sweep_family(v, families[i], &silent) < 0 &&
		    silent.code == ERROR_INTERNAL) {
			*err = silent;
			return error_return(err);
		}
	}
	return 0;
}
