#include "plugin/ctl/children.h"
#include "plugin/ctl/ipam-priv.h"
#include "plugin/reclaim.h"

/* By hand: what is in use, or is being given away, is refused. */

static const struct store_record *release_find(const struct book *book,
					       const struct inet_addr *addr)
{
	for (size_t i = 0; i < book->records.count; i++) {
		const struct store_record *record = &book->records.items[i];

		for (size_t j = 0; j < record->n_addresses; j++)
			if (inet_addr_equal(&record->addresses[j].address.addr,
					    addr))
				return record;
	}
	return NULL;
}

/* Return: CTL_OK, CTL_REFUSED, or negative */
static int release_may(struct book *book, const struct store_record *record,
		       const char *owner, struct error *err)
{
	struct report *report = &book->ctl->report;
	int r;

	if (book->ctl->force)
		return CTL_OK;
	r = store_record_is_in_progress(record, err);
	if (r < 0)
		return r;
	if (r > 0) {
		report_fail(report, book->ctl->args[1], "wait until it is done",
			    "is being given to %s just now", owner);
		return CTL_REFUSED;
	}
	r = reclaim_is_attached(record, err);
	if (r != RECLAIM_ATTACHED)
		return r < 0 ? r : CTL_OK;
	report_fail(report, book->ctl->args[1],
		    "delete the pod, or say --force",
		    "is in use: %s of %s has it", record->ifname, owner);
	return CTL_REFUSED;
}

static int release_record(struct book *book, const struct store_record *record,
			  const char *owner, struct error *err)
{
	struct report *report = &book->ctl->report;
	int r = 0;

	if (!book->ctl->dry_run)
		r = ipam_reap(book->ipam, record, err);
	if (r < 0)
		return r;
	if (r == IPAM_ABSENT) {
		report_fail(report, book->ctl->args[1], "shimctl ipam ls",
			    "changed hands just now");
		return CTL_FAILED;
	}
	/* An attachment is released as a whole, with its other family. */
	report_line(report, "%s of %s  %s", record->ifname, owner,
		    book->ctl->dry_run ? "would be released" : "released");
	report_string(report, "released", book->ctl->args[1]);
	report_bool(report, "dryRun", book->ctl->dry_run);
	return CTL_OK;
}

int book_release(struct book *book, struct error *err)
{
	const struct store_record *record;
	cleanup_free char *owner = NULL;
	struct inet_addr addr;
	int r;

	if (book->ctl->n_args < 2 ||
	    !inet_addr_parse(book->ctl->args[1], &addr))
		return ctl_usage("ipam release needs an address");
	r = book_open(book, book->ctl->dry_run, err);
	if (r != CTL_OK)
		return r;
	record = release_find(book, &addr);
	if (!record)
		return book_release_host(book, &addr, err);
	r = children_owner(record, &owner, err);
	if (r < 0)
		return r;
	r = release_may(book, record, owner, err);
	if (r != CTL_OK)
		return r;
	return release_record(book, record, owner, err);
}
