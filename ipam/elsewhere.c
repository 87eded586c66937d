#include "ipam/elsewhere.h"

#include "ipam/beside.h"

#include "lib/log.h"

#define BESIDE_LIMIT_MS 500

void elsewhere_clear(struct elsewhere *elsewhere)
{
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere->stores); i++)
		elsewhere->stores[i] = store_close(elsewhere->stores[i]);
}

static int open_store(const struct elsewhere *elsewhere, enum ipam_store which,
		      struct store **ret, struct error *err)
{
	const struct ipam_config *config = elsewhere->config;

	switch (which) {
	case IPAM_STORE_LOCAL:
		return store_local_open(config, elsewhere->read_only, 0, ret,
					err);
	case IPAM_STORE_KUBERNETES:
		return store_kube_open(config, elsewhere->read_only, 0, ret,
				       err);
	case IPAM_STORE_WHEREABOUTS:
		return store_whereabouts_open(config, elsewhere->read_only, 0,
					      ret, err);
	case IPAM_STORE_BOTH:
		break;
	}
	return 0;
}

static bool is_named(const struct ipam_config *config, enum ipam_store which)
{
	return config->store == which || which == IPAM_STORE_BOTH ||
	       (config->store == IPAM_STORE_BOTH && which != IPAM_STORE_LOCAL);
}

/* NULL: it is ours, or this node never had it (@or_not: all the same), or it
 * cannot be opened, which is told. */
static struct store *get(struct elsewhere *elsewhere, enum ipam_store which,
			 unsigned int timeout_ms, bool or_not)
{
	const struct ipam_config *config = elsewhere->config;
	struct store **store = &elsewhere->stores[which];
	struct error err = { 0 };

	if (is_named(config, which) ||
	    (!or_not && !store_exists(config, which)))
		return NULL;
	if (which != IPAM_STORE_LOCAL && (!config->node || !*config->node))
		return NULL;
	if (!*store && open_store(elsewhere, which, store, &err) < 0)
		log_warning("%s", err.details);
	if (*store)
		(*store)->timeout_ms = timeout_ms;
	return *store;
}

/* The one that beside.h speaks of. */
static enum ipam_store beside_of(const struct ipam_config *config)
{
	return config->store == IPAM_STORE_KUBERNETES ? IPAM_STORE_WHEREABOUTS
						      : IPAM_STORE_KUBERNETES;
}

static int release_in(struct store *store, bool is_asked,
		      const struct store_attachment *attachment,
		      struct error *err)
{
	cleanup_store_record struct store_record record = { 0 };
	int r = is_asked ? 0
			 : store->ops->find(store, attachment, &record, err);

	return r == 0 ? store->ops->release(store, attachment, err) : r;
}

int elsewhere_release(struct elsewhere *elsewhere, unsigned int timeout_ms,
		      const struct store_attachment *attachment,
		      struct error *err)
{
	const enum ipam_store other = beside_of(elsewhere->config);
	struct beside beside;
	struct error first = { 0 };
	int result = STORE_ABSENT;

	beside_look(elsewhere->config, false, BESIDE_LIMIT_MS, &beside);
	for (int i = 0; i < (int)ARRAY_SIZE(elsewhere->stores); i++) {
		const enum ipam_store which = (enum ipam_store)i;
		const bool is_asked = beside.is_used && which == other;
		struct store *store = get(elsewhere, which, timeout_ms,
					  is_asked);
		struct error next = { 0 };
		int r;

		if (!store)
			continue;
		r = release_in(store, is_asked, attachment, &next);
		if (r < 0)
			error_keep_first(&first, &next);
		else if (r == STORE_BUSY || (r == 0 && result != STORE_BUSY))
			result = r;
	}
	if (!error_is_set(&first))
		return result;
	*err = first;
	return error_return(err);
}

int elsewhere_find(struct elsewhere *elsewhere, unsigned int timeout_ms,
		   const struct store_attachment *attachment,
		   struct store_record *ret, struct error *err)
{
	int r = STORE_ABSENT;

	for (int i = 0; i < (int)ARRAY_SIZE(elsewhere->stores); i++) {
		struct store *store = get(elsewhere, (enum ipam_store)i,
					  timeout_ms, false);

		if (store && r == STORE_ABSENT)
			r = store->ops->find(store, attachment, ret, err);
	}
	return r;
}

int elsewhere_list(struct elsewhere *elsewhere, unsigned int timeout_ms,
		   struct store_records *records, struct error *err)
{
	int r = 0;

	for (int i = 0; i < (int)ARRAY_SIZE(elsewhere->stores); i++) {
		cleanup_store_records struct store_records more = { 0 };
		struct store *store = get(elsewhere, (enum ipam_store)i,
					  timeout_ms, false);

		if (!store || r != 0)
			continue;
		r = store->ops->list(store, &more, err);
		if (r == 0)
			r = store_records_unite(records, &more, err);
	}
	return r;
}

int elsewhere_reap(struct elsewhere *elsewhere, unsigned int timeout_ms,
		   const struct store_record *record, struct error *err)
{
	int r = STORE_ABSENT;

	for (int i = 0; i < (int)ARRAY_SIZE(elsewhere->stores); i++) {
		struct store *store = get(elsewhere, (enum ipam_store)i,
					  timeout_ms, false);

		if (store && r == STORE_ABSENT)
			r = store->ops->reap(store, record, err);
	}
	return r;
}

int elsewhere_mark(struct elsewhere *elsewhere, unsigned int timeout_ms,
		   const struct store_record *record, uint64_t dead_ms,
		   struct error *err)
{
	int r = STORE_ABSENT;

	for (int i = 0; i < (int)ARRAY_SIZE(elsewhere->stores); i++) {
		struct store *store = get(elsewhere, (enum ipam_store)i,
					  timeout_ms, false);

		if (store && r == STORE_ABSENT)
			r = store->ops->mark(store, record, dead_ms, err);
	}
	return r;
}
