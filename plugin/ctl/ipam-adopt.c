#include "plugin/ctl/ipam-priv.h"

#include <string.h>

/* The way of a range from one store to another, and the look at both. */

struct adopting {
	struct book *book;
	size_t counts[ADOPT_NO_KEY + 1]; /* by kind */
};

static struct adopt adopt_of(const struct book *book, adopt_tell tell,
			     struct adopting *adopting)
{
	return (struct adopt){
		.config = &book->network->config.ipam,
		.network = book->network->config.name,
		.dry_run = book->ctl->dry_run,
		.tell = tell,
		.arg = adopting,
	};
}

/* What nobody frees but who reads this */
#define BY_HAND "once nothing bears it, remove its key from the IPPool by hand"

/* --- adopt --------------------------------------------------------------------- */

static void tell_adopted(void *arg, const struct adopt_finding *finding)
{
	struct adopting *adopting = arg;
	struct report *report = &adopting->book->ctl->report;
	char text[INET_ADDR_TEXT];

	adopting->counts[finding->kind]++;
	inet_addr_format(&finding->addr, text);
	switch (finding->kind) {
	case ADOPT_NEW:
		report_line(report, "%s  %s", text, finding->text);
		break;
	case ADOPT_LEFT:
		report_warn(report, text, "nothing, unless it is in use",
			    "left as it is: %s", finding->text);
		break;
	case ADOPT_LEFT_NODE:
	case ADOPT_NOBODYS:
		report_warn(report, text, BY_HAND, "left as it is: %s",
			    finding->text);
		break;
	case ADOPT_UNCLEAR:
		report_warn(report, text,
			    "run it again when the Pod is on a node",
			    "left as it is: %s", finding->text);
		break;
	case ADOPT_FORBIDDEN:
		report_fail(report, text,
			    "run it on that pod's node, or with the "
			    "--kubeconfig of an administrator",
			    "%s", finding->text);
		break;
	case ADOPT_CONFLICT:
	case ADOPT_NO_OBJECT:
	case ADOPT_NO_KEY:
		report_fail(report, text,
			    "delete one of the two, and run it again", "%s",
			    finding->text);
		break;
	case ADOPT_KNOWN:
		break;
	}
}

static int usage(void)
{
	return ctl_usage("ipam adopt needs --from local, --from whereabouts or "
			 "--to whereabouts");
}

static int adopt_run(const struct ctl *ctl, const struct adopt *adopt,
		     struct error *err)
{
	if (ctl->to)
		return adopt_to_whereabouts(adopt, err);
	if (strcmp(ctl->from, "local") == 0)
		return adopt_from_local(adopt, err);
	return adopt_from_whereabouts(adopt, err);
}

static bool is_asked_well(const struct ctl *ctl)
{
	if (ctl->from && ctl->to)
		return false;
	if (ctl->to)
		return strcmp(ctl->to, "whereabouts") == 0;
	return ctl->from && (strcmp(ctl->from, "local") == 0 ||
			     strcmp(ctl->from, "whereabouts") == 0);
}

static void adopt_sum(const struct adopting *adopting)
{
	struct report *report = &adopting->book->ctl->report;
	const size_t *counts = adopting->counts;
	const bool dry = adopting->book->ctl->dry_run;
	const size_t left = counts[ADOPT_LEFT] + counts[ADOPT_LEFT_NODE] +
			    counts[ADOPT_UNCLEAR] + counts[ADOPT_NOBODYS];

	report_line(report,
		    "%s: %zu %sadopted, %zu known before, %zu left, %zu in "
		    "conflict, %zu not allowed",
		    adopting->book->network->config.name, counts[ADOPT_NEW],
		    dry ? "would be " : "", counts[ADOPT_KNOWN], left,
		    counts[ADOPT_CONFLICT], counts[ADOPT_FORBIDDEN]);
	report_uint(report, "adopted", counts[ADOPT_NEW]);
	report_uint(report, "known", counts[ADOPT_KNOWN]);
	report_uint(report, "left", left);
	report_uint(report, "conflicts", counts[ADOPT_CONFLICT]);
	report_uint(report, "forbidden", counts[ADOPT_FORBIDDEN]);
	report_bool(report, "dryRun", dry);
}

int book_adopt(struct book *book, struct error *err)
{
	struct adopting adopting = { .book = book };
	const struct adopt adopt = adopt_of(book, tell_adopted, &adopting);
	int r;

	if (!is_asked_well(book->ctl))
		return usage();
	if (!ipam_config_is_builtin(adopt.config)) {
		report_fail(&book->ctl->report, adopt.network,
			    "ask the plugin that \"ipam.type\" names",
			    "its addresses are not hostshim's to give");
		return CTL_CANNOT;
	}
	r = adopt_run(book->ctl, &adopt, err);
	if (r < 0)
		return error_context(err, "adopt, after %zu",
				     adopting.counts[ADOPT_NEW]);
	adopt_sum(&adopting);
	return CTL_OK;
}

/* --- check ---------------------------------------------------------------------- */

static void tell_compared(void *arg, const struct adopt_finding *finding)
{
	struct adopting *adopting = arg;
	struct report *report = &adopting->book->ctl->report;
	char text[INET_ADDR_TEXT];

	inet_addr_format(&finding->addr, text);
	switch (finding->kind) {
	case ADOPT_LEFT:
		report_warn(report, text,
			    "Whereabouts' reconciler, which releases it", "%s",
			    finding->text);
		break;
	case ADOPT_LEFT_NODE:
		report_warn(report, text, BY_HAND, "%s", finding->text);
		break;
	case ADOPT_NOBODYS:
		report_fail(report, text, BY_HAND, "%s", finding->text);
		break;
	case ADOPT_NO_OBJECT:
		report_fail(report, text,
			    "shimctl ipam adopt --from whereabouts", "%s",
			    finding->text);
		break;
	case ADOPT_NO_KEY:
		report_fail(report, text, "shimctl ipam adopt --to whereabouts",
			    "%s", finding->text);
		break;
	case ADOPT_CONFLICT:
		report_fail(report, text, "delete one of the two", "%s",
			    finding->text);
		break;
	case ADOPT_NEW:
	case ADOPT_KNOWN:
	case ADOPT_UNCLEAR:
	case ADOPT_FORBIDDEN:
		break;
	}
}

int book_compare(struct book *book, struct error *err)
{
	struct report *report = &book->ctl->report;
	struct adopting adopting = { .book = book };
	const struct adopt adopt = adopt_of(book, tell_compared, &adopting);
	struct adopt_compared *compared = &book->compared;
	int r;

	if (adopt.config->store == IPAM_STORE_LOCAL)
		return 0;
	r = adopt_compare(&adopt, compared, err);
	if (r < 0)
		return r;
	/* Of one world nobody wants to read. */
	if (adopt.config->store != IPAM_STORE_BOTH &&
	    (compared->keys == 0 || compared->objects == 0))
		return 0;
	report_line(report,
		    "%s: %zu in Whereabouts' pools, %zu reserved, %zu in both",
		    book->network->config.name, compared->keys,
		    compared->objects, compared->equal);
	report_uint(report, "inPools", compared->keys);
	report_uint(report, "reserved", compared->objects);
	report_uint(report, "inBoth", compared->equal);
	return 0;
}
