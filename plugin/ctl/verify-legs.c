#include "plugin/ctl/verify.h"

#include <assert.h>
#include <string.h>

/*
 * Every leg that begins on this node is asked at the same time, in both
 * directions by the nature of an echo. What is lost is asked again: the first
 * packets may be lost to address resolution, and a machine may be busy; a leg is
 * broken if it is found so twice.
 */

#define VERIFY_INTERVAL_MS 20
#define VERIFY_TIMEOUT_MS  1000
#define VERIFY_LEGS_MAX    4096 /* above it, not every pair of pods */

/* To find the widest packet that passes: so many sizes at once. */
#define WIDTH_STEPS       16
#define WIDTH_INTERVAL_MS 100
#define WIDTH_TIMEOUT_MS  400

bool verify_is_remote(const struct verify_leg *leg)
{
	return leg->to->place == VERIFY_REMOTE_HOST ||
	       leg->to->place == VERIFY_REMOTE_POD;
}

bool verify_is_lost(const struct verify_leg *leg, enum verify_size size)
{
	return leg->echo[size].received < leg->echo[size].sent;
}

bool verify_is_open(const struct verify_leg *leg, enum verify_size size)
{
	return !leg->is_explained && verify_is_lost(leg, size);
}

bool verify_is_broken(const struct verify_leg *leg)
{
	return verify_is_lost(leg, VERIFY_SMALL) ||
	       verify_is_lost(leg, VERIFY_FULL) || verify_tcp_failed(leg);
}

size_t verify_lost(const struct verify *v, bool remote)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n_legs; i++)
		n += verify_is_remote(&v->legs[i]) == remote &&
		     verify_is_broken(&v->legs[i]);
	return n;
}

/* --- which legs ------------------------------------------------------------------- */

static bool is_own(const struct verify_source *from,
		   const struct verify_target *to)
{
	return from->child ? to->child == from->child
			   : to->place == VERIFY_LOCAL_HOST;
}

/* Not to itself, and not in a family that it does not have. A host without a
 * shim has whatever its routes say. */
static bool is_leg(const struct verify *v, const struct verify_source *from,
		   const struct verify_target *to)
{
	if (is_own(from, to))
		return false;
	if (!from->child && !v->shim.index)
		return true;
	for (size_t i = 0; i < v->n_targets; i++)
		if (is_own(from, &v->targets[i]) &&
		    v->targets[i].addr.family == to->addr.family)
			return true;
	return false;
}

/* Of many pods each is asked by the host, and by one pod (or once more by the
 * host). */
static bool is_wanted(const struct verify *v, size_t from, size_t to)
{
	enum verify_place place = v->targets[to].place;

	if (!v->is_sampled || !v->sources[from].child ||
	    (place != VERIFY_LOCAL_POD && place != VERIFY_REMOTE_POD))
		return true;
	return to % v->n_sources == from;
}

static int make_legs(struct verify *v, struct error *err)
{
	v->is_sampled = v->n_sources * v->n_targets > VERIFY_LEGS_MAX;
	v->legs = calloc(v->n_sources * v->n_targets + 1, sizeof(*v->legs));
	if (!v->legs)
		return error_oom(err);
	for (size_t i = 0; i < v->n_sources; i++)
		for (size_t j = 0; j < v->n_targets; j++)
			if (is_leg(v, &v->sources[i], &v->targets[j]) &&
			    is_wanted(v, i, j))
				v->legs[v->n_legs++] = (struct verify_leg){
					.from = &v->sources[i],
					.to = &v->targets[j],
				};
	return 0;
}

/* --- asking ----------------------------------------------------------------------- */

/* Some of the legs, as lib/echo takes them: grouped by source, in order. */
struct questions {
	struct echo_source *sources;
	struct echo *items;
	struct verify_leg **legs; /* of each item */
	size_t n_sources;
	size_t count;
};

static void questions_clear(struct questions *q)
{
	free(q->sources);
	free(q->items);
	free(q->legs);
}

static int questions_init(const struct verify *v, size_t per_leg,
			  struct questions *ret, struct error *err)
{
	size_t n = v->n_legs * per_leg + 1;

	ret->sources = calloc(v->n_sources + 1, sizeof(*ret->sources));
	ret->items = calloc(n, sizeof(*ret->items));
	ret->legs = calloc(n, sizeof(struct verify_leg *));
	if (!ret->sources || !ret->items || !ret->legs)
		return error_oom(err);
	return 0;
}

static void questions_add(struct questions *q, struct verify_leg *leg,
			  uint32_t size)
{
	struct verify_leg *last = q->count ? q->legs[q->count - 1] : NULL;
	struct echo *item = &q->items[q->count];

	assert(leg->from);
	if (!last || last->from != leg->from)
		q->sources[q->n_sources++] = (struct echo_source){
			.netns = leg->from->netns, .items = item
		};
	q->sources[q->n_sources - 1].count++;
	q->legs[q->count++] = leg;
	*item = (struct echo){ .to = leg->to->addr, .size = size };
}

static int ask(struct verify *v, const struct questions *q, struct error *err)
{
	const struct echo_plan plan = {
		.count = v->ctl->count,
		.interval_ms = VERIFY_INTERVAL_MS,
		.timeout_ms = VERIFY_TIMEOUT_MS,
	};

	return q->count ? echo_run_all(&plan, q->sources, q->n_sources, err)
			: 0;
}

static bool is_asked(const struct verify_leg *leg, enum verify_size size,
		     bool again)
{
	if (again)
		return verify_is_lost(leg, size);
	return size == VERIFY_SMALL || !verify_is_lost(leg, VERIFY_SMALL);
}

static int ask_size(struct verify *v, enum verify_size size, bool again,
		    struct error *err)
{
	struct questions q = { 0 };
	int r = questions_init(v, 1, &q, err);

	for (size_t i = 0; i < v->n_legs && r == 0; i++)
		if (is_asked(&v->legs[i], size, again))
			questions_add(&q, &v->legs[i],
				      size == VERIFY_FULL ? v->parent.mtu : 0);
	if (r == 0)
		r = ask(v, &q, err);
	for (size_t i = 0; i < q.count && r == 0; i++)
		q.legs[i]->echo[size] = q.items[i];
	questions_clear(&q);
	return r;
}

static int ask_twice(struct verify *v, enum verify_size size, struct error *err)
{
	int r = ask_size(v, size, false, err);

	return r == 0 ? ask_size(v, size, true, err) : r;
}

/* --- how wide is it --------------------------------------------------------------- */

/* Between what passed and what did not, one step narrower. */
static int narrow(struct verify_leg *leg, uint32_t *at_most, struct error *err)
{
	const struct echo_plan plan = { .count = 2,
					.interval_ms = WIDTH_INTERVAL_MS,
					.timeout_ms = WIDTH_TIMEOUT_MS };
	struct echo items[WIDTH_STEPS];
	uint32_t low = leg->widest;
	uint32_t step = (*at_most - low) / (WIDTH_STEPS + 1) + 1;
	size_t n = 0;
	int r;

	for (uint32_t size = low + step; size < *at_most && n < WIDTH_STEPS;
	     size += step)
		items[n++] = (struct echo){ .to = leg->to->addr, .size = size };
	r = echo_run(leg->from->netns, &plan, items, n, err);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (!items[i].received) {
			*at_most = items[i].size;
			break;
		}
		leg->widest = items[i].size;
	}
	return r;
}

static int measure(const struct verify *v, struct verify_leg *leg,
		   struct error *err)
{
	uint32_t at_most = v->parent.mtu;
	int r = 0;

	leg->widest = ECHO_SMALL;
	while (r == 0 && at_most - leg->widest > 1)
		r = narrow(leg, &at_most, err);
	return r;
}

static bool is_measured(const struct verify *v, const struct verify_leg *leg)
{
	for (const struct verify_leg *l = v->legs; l < leg; l++)
		if (l->widest && l->to->node == leg->to->node &&
		    verify_is_remote(leg))
			return true;
	return false;
}

/* One leg to each node that has such a one. */
static int measure_all(struct verify *v, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < v->n_legs && r == 0; i++) {
		struct verify_leg *leg = &v->legs[i];

		if (verify_is_remote(leg) && verify_is_lost(leg, VERIFY_FULL) &&
		    !is_measured(v, leg))
			r = measure(v, leg, err);
	}
	return r;
}

int verify_ask(struct verify *v, struct error *err)
{
	int r = make_legs(v, err);

	if (r == 0)
		r = ask_twice(v, VERIFY_SMALL, err);
	if (r == 0 && v->ctl->mtu)
		r = ask_twice(v, VERIFY_FULL, err);
	return r == 0 && v->ctl->mtu ? measure_all(v, err) : r;
}
