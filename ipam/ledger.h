#ifndef IPAM_LEDGER_H
#define IPAM_LEDGER_H

/*
 * What this node knows of its reservations on a server: the local table under
 * the stores of a cluster. It ends with the boot, as the pods do.
 *
 *	entries	attachments, with what the server knows each address by
 *	lines	what was asked of the server and is not settled: a reservation
 *		on its way, or a release that is owed
 *	rests	addresses that were released lately
 *	facts	numbers and marks that are true for this boot
 *
 * A transaction is never held open while the server is asked.
 */

#include "ipam/store.h"
#include "ipam/table.h"

#define LEDGER_UID     65 /* with terminator, likewise the next */
#define LEDGER_ATTEMPT 65
#define LEDGER_POOL    64
#define LEDGER_POD     320

struct ledger;

/* What the server knows an address by. */
struct ledger_ref {
	char uid[LEDGER_UID]; /* "": not known, see store-kube-release.c */
	char attempt[LEDGER_ATTEMPT];
	uint8_t set; /* of the configuration that it was reserved with */
};

struct ledger_entry {
	struct store_record record;
	struct ledger_ref refs[STORE_MAX_ADDRESSES]; /* of its addresses */
};
void ledger_entry_clear(struct ledger_entry *entry);
#define cleanup_ledger_entry cleanup(ledger_entry_clear)

enum ledger_kind {
	LEDGER_POST = 1, /* a reservation is being made by that process */
	LEDGER_UNKNOWN, /* one was, perhaps: it is known by its attempt */
	LEDGER_RELEASE, /* owed, by uid */
	LEDGER_ATTACHMENT, /* owed: all that the server has of an attachment */
};

struct ledger_line {
	uint64_t number;
	uint64_t since_ms; /* CLOCK_BOOTTIME */
	uint64_t next_ms; /* not to be looked at before */
	struct process process; /* whose it is */
	uint32_t tries;
	uint32_t kind; /* an enum ledger_kind */
	struct inet_addr addr;
	char pool[LEDGER_POOL];
	char uid[LEDGER_UID];
	char attempt[LEDGER_ATTEMPT];
	/* The attachment; "" for a node's own address. */
	char network[257];
	char container_id[257];
	char ifname[16];
	char pod[LEDGER_POD]; /* "namespace/name", "" if there is none */
};

#define LEDGER_CLUSTER     "cluster" /* tables: of Reservations */
#define LEDGER_WHEREABOUTS "whereabouts"

/**
 * ledger_open() - Touches no file
 * @config:	Its directories; must outlive the ledger
 * @name:	Of the table: each store has its own
 */
int ledger_open(const struct ipam_config *config, const char *name,
		bool read_only, struct ledger **ret, struct error *err);

/**
 * ledger_open_journal() - Lines alone, which are on disk and outlive the boot
 *
 * In ipam.dataDir. Times of an earlier boot are in it: they may lie ahead.
 */
int ledger_open_journal(const struct ipam_config *config, const char *name,
			bool read_only, struct ledger **ret, struct error *err);

/** ledger_close() - Returns NULL; NULL is fine */
struct ledger *ledger_close(struct ledger *ledger);

static inline void ledger_cleanup(struct ledger **ledger)
{
	ledger_close(*ledger);
}
#define cleanup_ledger cleanup(ledger_cleanup)

struct table *ledger_table(struct ledger *ledger);

/** ledger_begin() - Return: 0, STORE_BUSY, or negative */
int ledger_begin(struct ledger *ledger, bool write, unsigned int timeout_ms,
		 struct error *err) warn_unused;

/** ledger_end() - Commits after 0; an outcome or a failure @r changes nothing.
 * Return: @r, or negative */
int ledger_end(struct ledger *ledger, int r, struct error *err);

/* --- inside a transaction ------------------------------------------------------ */

/** ledger_key() - Of an attachment's entry */
int ledger_key(const struct store_attachment *attachment, struct table_key *key,
	       struct error *err);

/** ledger_record_key() - The same, by its record */
int ledger_record_key(const struct store_record *record, struct table_key *key,
		      struct error *err);

/** ledger_entry_load() - 0, STORE_ABSENT, or negative */
int ledger_entry_load(struct ledger *ledger, const struct table_key *key,
		      struct ledger_entry *ret, struct error *err) warn_unused;

/** ledger_entry_save() - Its addresses are held from now on */
int ledger_entry_save(struct ledger *ledger, const struct table_key *key,
		      const struct ledger_entry *entry, struct error *err);

/**
 * ledger_entry_drop() - It is gone
 * @rest_ms:	Its addresses rest so long, for all but its pod's interface
 */
int ledger_entry_drop(struct ledger *ledger, const struct table_key *key,
		      const struct ledger_entry *entry, uint64_t rest_ms,
		      struct error *err);

/** ledger_unhold() - An address was in an entry, and the entry is to be saved
 * without it */
int ledger_unhold(struct ledger *ledger, const char *pool,
		  const struct inet_addr *addr, struct error *err);

/**
 * ledger_entry_next() - The first entry behind @key
 * @key:	Begin with ledger_entry_first(); is set to the entry's
 *
 * Return: 0, STORE_ABSENT after the last, or negative
 */
int ledger_entry_next(struct ledger *ledger, struct table_key *key,
		      struct ledger_entry *ret, struct error *err) warn_unused;
void ledger_entry_first(struct table_key *key);

struct ledger_entries {
	struct ledger_entry *items;
	size_t count;
};
void ledger_entries_clear(struct ledger_entries *entries);

/** ledger_entries_read() - Inside a transaction: all of them
 * @ret:	Empty; what was read is in it, whatever the outcome */
int ledger_entries_read(struct ledger *ledger, struct ledger_entries *ret,
			struct error *err) warn_unused;

/** ledger_attempt() - A name for one request, never used before */
int ledger_attempt(struct ledger *ledger, char ret[static LEDGER_ATTEMPT],
		   struct error *err);

#define LEDGER_NAME 37 /* with terminator */

/** ledger_name() - Of this table, and of none that is made in its place
 * @write:	Give it one, if it has none yet; else that is "" */
int ledger_name(struct ledger *ledger, bool write, char ret[static LEDGER_NAME],
		struct error *err);

/** ledger_is_own_attempt() - Was it given by this table? 1, 0, or negative */
int ledger_is_own_attempt(struct ledger *ledger, const char *attempt,
			  struct error *err) warn_unused;

/** ledger_line_fill() - Whose it is, in which pool; all else stays */
void ledger_line_fill(struct ledger_line *line, const char *pool,
		      const struct store_attachment *attachment);

/** ledger_line_add() - Fills number, process, since_ms */
int ledger_line_add(struct ledger *ledger, struct ledger_line *line,
		    struct error *err);

/** ledger_line_load() - 0, STORE_ABSENT, or negative */
int ledger_line_load(struct ledger *ledger, uint64_t number,
		     struct ledger_line *ret, struct error *err) warn_unused;
int ledger_line_save(struct ledger *ledger, const struct ledger_line *line,
		     struct error *err);

/** ledger_line_del() - Having none is fine */
int ledger_line_del(struct ledger *ledger, uint64_t number, struct error *err);

/** ledger_line_next() - The first with this number or a higher one
 * Return: 0, STORE_ABSENT, or negative */
int ledger_line_next(struct ledger *ledger, uint64_t number,
		     struct ledger_line *ret, struct error *err) warn_unused;

/* What this node knows of an address. */
enum ledger_word {
	LEDGER_FREE = 0,
	LEDGER_HELD = 1,
	LEDGER_RESTS = 2,
};

/**
 * ledger_look() - What is with an address, on this node?
 * @owner:	May have at once what rests after it
 * @ret_holder:	If held: key of the entry; NULL: not wanted
 *
 * Return: an enum ledger_word, or negative
 */
int ledger_look(struct ledger *ledger, const char *pool,
		const struct inet_addr *addr, const char *owner,
		struct table_key *ret_holder, struct error *err) warn_unused;

/** ledger_rest() - An address rests; @owner may have it back before */
int ledger_rest(struct ledger *ledger, const char *pool,
		const struct inet_addr *addr, const char *owner,
		uint64_t rest_ms, struct error *err);

struct ledger_rest {
	struct inet_addr addr;
	uint64_t until_ms;
	uint64_t owner; /* its hash */
};

/**
 * ledger_rest_next() - The first that rests at @from or above, in its pool and
 * family; what has rested enough is left out
 *
 * Return: 0, STORE_ABSENT, or negative
 */
int ledger_rest_next(struct ledger *ledger, const char *pool, uint8_t family,
		     inet_uint from, struct ledger_rest *ret, struct error *err)
	warn_unused;

/**
 * ledger_rest_oldest() - The one that has rested longest
 * @accept:	Of those that this takes
 *
 * Return: 0, STORE_ABSENT, or negative
 */
typedef bool (*ledger_accept)(void *arg, const struct ledger_rest *rest);
int ledger_rest_oldest(struct ledger *ledger, const char *pool, uint8_t family,
		       ledger_accept accept, void *arg, struct inet_addr *ret,
		       struct error *err) warn_unused;

/** ledger_owner() - As a rest has it */
uint64_t ledger_owner(const char *owner);

/** ledger_fact() - A number by name. 0, STORE_ABSENT, or negative */
int ledger_fact(struct ledger *ledger, const char *name, uint64_t *ret,
		struct error *err) warn_unused;
int ledger_fact_set(struct ledger *ledger, const char *name, uint64_t value,
		    struct error *err);
int ledger_fact_drop(struct ledger *ledger, const char *name,
		     struct error *err);

#endif
