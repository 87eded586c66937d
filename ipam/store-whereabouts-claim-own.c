/*
 * What is this pod's already: the pool says that its interface has an address,
 * under the id of this container or of another one. Taking it over is
 * Whereabouts' way of giving a pod its address again.
 *
 * The word of the pool is not enough. The ledger of this node knows of addresses
 * that live, of ones that were reserved for another set, and of ones whose
 * release is on its way and would hit whoever has the key under the same id.
 */

#include "ipam/store-whereabouts-claim-priv.h"

#include <string.h>
#include <sys/socket.h>

bool pools_claim_is_owed(const struct claim *claim,
			 const struct inet_addr *addr)
{
	for (size_t i = 0; i < claim->owed.count; i++)
		if (inet_addr_equal(&claim->owed.addrs[i], addr))
			return true;
	return false;
}

bool pools_claim_is_own_key(const struct claim *claim,
			    const struct table_key *key)
{
	return key->len == claim->key.len &&
	       memcmp(key->bytes, claim->key.bytes, key->len) == 0;
}

static bool is_own(const struct claim *claim,
		   const struct whereabouts_holder *have)
{
	return whereabouts_is_text(have->id, claim->want.holder.id) &&
	       whereabouts_is_text(have->ifname, claim->want.holder.ifname) &&
	       whereabouts_is_text(have->podref, claim->podref);
}

static bool is_own_pod(const struct claim *claim,
		       const struct whereabouts_holder *have)
{
	return *claim->podref &&
	       whereabouts_is_text(have->podref, claim->podref) &&
	       whereabouts_is_text(have->ifname, claim->want.holder.ifname);
}

/* The set that an address of the own entry was reserved for. */
static bool is_of_set(const struct claim *claim, const struct inet_addr *addr)
{
	const struct store_record *record = &claim->entry.record;

	for (size_t i = 0; i < record->n_addresses; i++)
		if (inet_addr_equal(&record->addresses[i].address.addr, addr))
			return claim->entry.refs[i].set == claim->set;
	return false;
}

/* Held by another attachment of this node: may it be taken from that? It may,
 * from an earlier container of the pod whose DEL never came. */
static int is_inheritable(struct claim *claim, const struct table_key *key,
			  const struct whereabouts_holder *have,
			  struct error *err)
{
	const struct store_attachment *own = claim->wish->attachment;
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	int r = ledger_entry_load(claim->cluster->ledger, key, &entry, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (!whereabouts_is_text(entry.record.container_id, have->id) ||
	    whereabouts_is_text(entry.record.container_id, own->container_id) ||
	    !whereabouts_is_text(entry.record.ifname, own->ifname) ||
	    !whereabouts_is_text(entry.record.network, own->network))
		return 0;
	r = store_record_is_in_progress(&entry.record, err);
	return r < 0 ? r : r == 0;
}

static int is_adoptable(struct claim *claim,
			const struct whereabouts_allocation *have,
			struct error *err)
{
	const struct ipam_config *config = claim->wish->config;
	const struct inet_addr *want = claim_requested(claim);
	const struct inet_addr *addr = &have->addr;
	struct table_key holder;
	int r;

	if (!addr->family || (want->family && !inet_addr_equal(want, addr)) ||
	    !(is_own(claim, &have->holder) ||
	      is_own_pod(claim, &have->holder)) ||
	    !inet_prefix_contains(&claim_range(claim)->range.network, addr) ||
	    range_set_contains(&config->reserved[addr->family != AF_INET],
			       inet_addr_to_uint(addr)) ||
	    (is_own(claim, &have->holder) && pools_claim_is_owed(claim, addr)))
		return 0;
	r = ledger_look(claim->cluster->ledger, config->pool, addr,
			claim->owner, &holder, err);
	if (r != LEDGER_HELD)
		return r < 0 ? r : r == LEDGER_FREE;
	return pools_claim_is_own_key(claim, &holder)
		       ? is_of_set(claim, addr)
		       : is_inheritable(claim, &holder, &have->holder, err);
}

int pools_claim_choose_own(struct claim *claim, struct error *err)
{
	claim->have = NULL;
	for (size_t i = 0; i < claim->view.pool.count; i++) {
		const struct whereabouts_allocation *have =
			&claim->view.pool.items[i];
		int r = is_adoptable(claim, have, err);

		if (r < 0)
			return r;
		/* Its own container's is surer than its pod's. */
		if (r > 0 && (!claim->have || is_own(claim, &have->holder)))
			claim->have = have;
	}
	if (!claim->have)
		return STORE_ABSENT;
	claim->addr = claim->have->addr;
	return 0;
}
