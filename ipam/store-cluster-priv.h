#ifndef IPAM_STORE_CLUSTER_PRIV_H
#define IPAM_STORE_CLUSTER_PRIV_H

/*
 * What the stores that ask an API server do alike: the ledger on this node, what
 * is owed, and requests. Shared by ipam/store-{cluster,kube,whereabouts}*.c, and
 * by what asks the same server for other reasons.
 */

#include "ipam/ledger.h"
#include "lib/file.h"
#include "lib/kube.h"

#define CLUSTER_LIMIT_MS 100 /* for what is owed, in passing */

/* Facts of the ledger. */
#define CLUSTER_FACT_VERSION  "version" /* highest resourceVersion seen */
#define CLUSTER_FACT_RESTORED "restored" /* the server knew more before */
#define CLUSTER_FACT_PROVED   "proved" /* the node is who it says */

struct cluster;

/* What came of a line of the ledger. */
enum {
	OWED_DONE = 0,
	OWED_KEPT = 1, /* not settled, but others may be */
	OWED_AWAY = 2, /* nor will others be */
	OWED_LATE = 3, /* no time for it */
};

/* What the stores of a server do each in its own way. */
struct cluster_way {
	/* Do what a line says is owed. Return: OWED_... */
	int (*settle)(struct cluster *cluster, const struct ledger_line *line);

	/* Give back what the server has of an attachment that the ledger does not
	 * know, or write down that it is owed. 0, STORE_ABSENT. */
	int (*release_unknown)(struct cluster *cluster,
			       const struct store_attachment *attachment,
			       struct error *err);

	/* No sweep finds what a lost ledger knew: where this one does not know
	 * all of an attachment, the server is asked as well. */
	bool is_unswept;
};

struct cluster {
	struct store base;
	const struct cluster_way *way;
	const struct ipam_config *config;
	struct ledger *ledger;
	struct kube *kube; /* opened by the first request */
	bool is_patient; /* a server that was not reached is tried again */
	bool has_asked; /* it was our turn once */
	uint64_t limit_ms; /* CLOCK_BOOTTIME; 0: none but the configuration's */
	char boot_id[FILE_BOOT_ID_TEXT];
	char why[640]; /* what the server, or nobody, answered last */
};

static inline struct cluster *cluster_of(struct store *store)
{
	return (struct cluster *)store;
}

/* Outcomes of requests. */
enum {
	CLUSTER_TAKEN = 16, /* an object of that name exists */
	CLUSTER_UNKNOWN = 17, /* no answer that decides; in cluster->why */
	CLUSTER_ABSENT = 18, /* no such object */
	CLUSTER_UNPROVED = 19, /* nothing says who this node is */
};

/** cluster_begin() / cluster_end() - ledger_begin(), _end() */
int cluster_begin(struct cluster *cluster, bool write, struct error *err)
	warn_unused;
int cluster_end(struct cluster *cluster, int r, struct error *err);

/* --- the ledger (store-cluster.c, -look.c) -------------------------------------- */

/** cluster_open() - What the stores of a server have in common
 * @cluster:	Zeroed, with ops and way; the caller frees it, whatever comes of it
 * @table:	Of the ledger, see ledger_open() */
int cluster_open(struct cluster *cluster, const struct ipam_config *config,
		 const char *table, bool read_only, unsigned int timeout_ms,
		 struct error *err);
void cluster_clear(struct cluster *cluster);

int cluster_confirm(struct store *store,
		    const struct store_attachment *attachment,
		    struct error *err);
int cluster_find(struct store *store, const struct store_attachment *attachment,
		 struct store_record *ret, struct error *err);
int cluster_list_records(struct store *store, struct store_records *ret,
			 struct error *err);
bool cluster_is_damaged(const struct store *store);
int cluster_rebuild(struct store *store, const struct store_records *known,
		    struct error *err);

/** cluster_count() - Candidates of a set that are in @taken; those that rest */
int cluster_count(struct cluster *cluster, const struct ipam_range_set *set,
		  const struct range_set *taken, struct store_usage *ret,
		  struct error *err);

/** cluster_due() - store_ops.due */
int cluster_due(struct store *store, const char *task, uint64_t period_ms,
		struct error *err);

/* --- an ADD's entry (store-cluster-entry.c) ------------------------------------- */

/**
 * cluster_former() - Inside a transaction: what an earlier ADD of the attachment
 * left
 *
 * Return: 0, it is dead, and @ret what it had; STORE_ABSENT, STORE_LIVE,
 * STORE_PENDING, or negative
 */
int cluster_former(struct cluster *cluster, const struct table_key *key,
		   struct ledger_entry *ret, struct error *err) warn_unused;

/** cluster_former_fits() - Does what a dead ADD of the same attachment had serve
 * this one? */
bool cluster_former_fits(const struct ledger_entry *former,
			 const struct store_wish *wish);

/** cluster_entry_fill() - It is pending, of this ADD; its addresses stay */
int cluster_entry_fill(struct ledger_entry *entry,
		       const struct store_wish *wish,
		       const struct process *self, struct error *err);

/** cluster_entry_place() - Where the address of a set stands in the entry: in the
 * order of the sets, whichever was claimed first; in place of a former one. Room
 * is made if there is none */
size_t cluster_entry_place(struct ledger_entry *entry, size_t set);

/** cluster_entry_holder() - The record of the entry that holds an address */
int cluster_entry_holder(struct cluster *cluster, const struct table_key *key,
			 struct store_record *ret, struct error *err);

/** cluster_entry_undo() - Inside a transaction: if the entry is still this ADD's,
 * all that it has is owed, and what is on its way too
 * @entry:	Loaded anew */
int cluster_entry_undo(struct cluster *cluster, const struct table_key *key,
		       const struct store_wish *wish,
		       const struct process *self, struct ledger_entry *entry,
		       struct error *err);

/** cluster_line_fill() - Of a request for @addr: it is on its way */
void cluster_line_fill(const struct store_wish *wish,
		       const struct inet_addr *addr, struct ledger_line *ret);

/**
 * cluster_still_wants() - Inside a transaction: is the line of a request still
 * this ADD's, and the entry too? A DEL takes both
 * @number:	Of the line
 * @self:	The process of the ADD
 * @entry:	Loaded anew
 *
 * Return: 1, 0, or negative
 */
int cluster_still_wants(struct cluster *cluster, uint64_t number,
			const struct table_key *key, const struct process *self,
			struct ledger_entry *entry, struct error *err)
	warn_unused;

/* --- an interface's entry (store-cluster-nameless.c) ---------------------------- */

/** cluster_is_nameless() - Was the record made from what an interface bears, and
 * its container is not known? (plugin/rebuild.c) */
bool cluster_is_nameless(const struct store_record *record);

/**
 * cluster_forget_nameless() - A container is released, and this was its address:
 * what is known of its interface, without its name, is gone
 *
 * No transaction is open. What is anybody else's stays.
 */
int cluster_forget_nameless(struct ledger *ledger, unsigned int timeout_ms,
			    const char *pool, const struct inet_addr *addr,
			    const char *ifname, struct error *err);

/* --- owed (store-cluster-owed.c) ------------------------------------------------ */

/** cluster_owe() - Inside a transaction: the entry is gone, and what the server
 * has of it is owed */
int cluster_owe(struct cluster *cluster, const struct table_key *key,
		const struct ledger_entry *entry, uint64_t rest_ms,
		struct error *err);

/** cluster_owes_unsure() - Inside a transaction: is something owed of an attachment
 * that is not known by uid? 1, 0, or negative */
int cluster_owes_unsure(struct cluster *cluster,
			const struct store_attachment *attachment,
			struct error *err);

/** cluster_cancel() - Inside a transaction: what is on its way for an attachment
 * is not any more. Return: 1 if something was, 0, or negative */
int cluster_cancel(struct cluster *cluster,
		   const struct store_attachment *attachment, struct error *err)
	warn_unused;

/**
 * cluster_settle() - Do what is owed
 * @attachment:	Of this one, whoever owes it and whenever it was last tried;
 *		NULL: whatever is due, and nobody's who is at it
 *
 * What cannot be done stays owed, and is told.
 */
void cluster_settle(struct cluster *cluster,
		    const struct store_attachment *attachment);

/** cluster_line_is_of() - A line of that attachment? */
bool cluster_line_is_of(const struct ledger_line *line,
			const struct store_attachment *attachment);

/** cluster_settle_some() - What is due, for CLUSTER_LIMIT_MS */
void cluster_settle_some(struct cluster *cluster);

/* --- release (store-kube-release.c) --------------------------------------------- */

int cluster_release(struct store *store,
		    const struct store_attachment *attachment,
		    struct error *err);

int cluster_reap(struct store *store, const struct store_record *record,
		 struct error *err);
int cluster_mark(struct store *store, const struct store_record *record,
		 uint64_t dead_ms, struct error *err);
int cluster_refuse(struct store *store,
		   const struct store_attachment *attachment,
		   const struct inet_addr *addr, const char *whose,
		   struct error *err);

/* --- requests (store-kube-request.c); no transaction is open -------------------- */

/** cluster_limit() - Requests end within @limit_ms from now; 0: with the verb.
 * Return: the limit before, for cluster_unlimit() */
uint64_t cluster_limit(struct cluster *cluster, uint64_t limit_ms);
void cluster_unlimit(struct cluster *cluster, uint64_t before);

/** cluster_kube() - The server, opened when first needed */
int cluster_kube(struct cluster *cluster, struct kube **ret, struct error *err);

/**
 * cluster_call() - One request; what it takes to speak of its end
 *
 * Return: 0 (a status that decides), CLUSTER_UNKNOWN, or negative: not done,
 * ERROR_AGAIN for a server that is away
 */
int cluster_call(struct cluster *cluster, const struct kube_request *request,
		 struct kube_answer *ret, struct error *err) warn_unused;

/** cluster_unknown() - Raise what CLUSTER_UNKNOWN stands for */
int cluster_unknown(struct cluster *cluster, struct error *err);

/** cluster_delete_body() - What makes a DELETE one of that uid only; yours */
int cluster_delete_body(const char *uid, char **ret, struct error *err);

#endif
