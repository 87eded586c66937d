/*
 * A table that was lost is made anew from what bears an address. Where no cached
 * result names the container, the entry is in the name of its namespace and
 * interface. The server knows the container: by that, a DEL releases the address
 * there. The entry goes with it: what stayed would be an attachment whose address
 * the server has forgotten, and the next repair would reserve it again, for
 * nobody who will ever release it.
 *
 * The entry goes first: dead in between, the DEL comes again.
 */
#include "ipam/store-cluster-priv.h"

#include <string.h>

/* No container's id has a colon (CNI specification, CNI_CONTAINERID). */
bool cluster_is_nameless(const struct store_record *record)
{
	return strchr(record->container_id, ':');
}

/* "netns:COOKIE:POOL": it is kept in each pool that may be its own. */
static bool is_same_interface(const struct store_record *a,
			      const struct store_record *b)
{
	const char *end = strchr(a->container_id, ':');

	end = end ? strchr(end + 1, ':') : NULL;
	return end &&
	       strncmp(a->container_id, b->container_id,
		       (size_t)(end - a->container_id) + 1) == 0 &&
	       strcmp(a->ifname, b->ifname) == 0;
}

/* Return: 0, STORE_ABSENT, or negative */
static int find(struct ledger *ledger, const char *pool,
		const struct inet_addr *addr, const char *ifname,
		struct ledger_entry *ret, struct error *err)
{
	struct table_key key;
	int r = ledger_look(ledger, pool, addr, "", &key, err);

	if (r != LEDGER_HELD)
		return r < 0 ? r : STORE_ABSENT;
	r = ledger_entry_load(ledger, &key, ret, err);
	if (r != 0)
		return r;
	return cluster_is_nameless(&ret->record) &&
			       strcmp(ret->record.ifname, ifname) == 0
		       ? 0
		       : STORE_ABSENT;
}

static int drop(struct ledger *ledger, const struct ledger_entry *entry,
		struct error *err)
{
	struct table_key key;
	int r = ledger_record_key(&entry->record, &key, err);

	return r < 0 ? r : ledger_entry_drop(ledger, &key, entry, 0, err);
}

static int drop_all(struct ledger *ledger, const struct store_record *found,
		    struct error *err)
{
	struct ledger_entries entries = { 0 };
	int r = ledger_entries_read(ledger, &entries, err);

	for (size_t i = 0; i < entries.count && r == 0; i++)
		if (is_same_interface(found, &entries.items[i].record))
			r = drop(ledger, &entries.items[i], err);
	ledger_entries_clear(&entries);
	return r;
}

static int look(struct ledger *ledger, unsigned int timeout_ms, bool write,
		const char *pool, const struct inet_addr *addr,
		const char *ifname, struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	int r = ledger_begin(ledger, write, timeout_ms, err);

	if (r == STORE_BUSY)
		return error_set(err, ERROR_AGAIN, 0,
				 "the address store is locked");
	if (r != 0)
		return r;
	r = find(ledger, pool, addr, ifname, &entry, err);
	if (r == 0 && write)
		r = drop_all(ledger, &entry.record, err);
	return ledger_end(ledger, r, err);
}

/* Mostly there is none, and reading is all. */
int cluster_forget_nameless(struct ledger *ledger, unsigned int timeout_ms,
			    const char *pool, const struct inet_addr *addr,
			    const char *ifname, struct error *err)
{
	int r;

	if (!table_exists(ledger_table(ledger)))
		return 0;
	r = look(ledger, timeout_ms, false, pool, addr, ifname, err);
	if (r == 0)
		r = look(ledger, timeout_ms, true, pool, addr, ifname, err);
	return r < 0 ? r : 0;
}
