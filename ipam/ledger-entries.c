/* All entries of a ledger at once, for who goes on without a transaction. */
#include "ipam/ledger.h"

#include <stdlib.h>

void ledger_entries_clear(struct ledger_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		ledger_entry_clear(&entries->items[i]);
	free(entries->items);
	*entries = (struct ledger_entries){ 0 };
}

static int entries_add(struct ledger_entries *entries,
		       struct ledger_entry *entry, struct error *err)
{
	struct ledger_entry *grown;

	grown = reallocarray(entries->items, entries->count + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	entries->items = grown;
	grown[entries->count++] = *entry;
	*entry = (struct ledger_entry){ 0 };
	return 0;
}

int ledger_entries_read(struct ledger *ledger, struct ledger_entries *ret,
			struct error *err)
{
	struct table_key key;
	int r = 0;

	ledger_entry_first(&key);
	while (r == 0) {
		cleanup_ledger_entry struct ledger_entry entry = { 0 };

		r = ledger_entry_next(ledger, &key, &entry, err);
		if (r == 0)
			r = entries_add(ret, &entry, err);
	}
	return r < 0 ? r : 0;
}
