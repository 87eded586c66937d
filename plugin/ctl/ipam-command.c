#include "lib/file.h"
#include "plugin/ctl/children.h"
#include "plugin/ctl/ipam-priv.h"
#include "plugin/reclaim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * The addresses of this node: what the store has, whether the kernel agrees, and
 * two ways to give back what no DEL gives back. Giving back what is in use is
 * how two pods come to one address, so release asks the kernel first, and gc
 * leaves the proof to the plugin (reclaim.c).
 */

static void book_close(struct book *book)
{
	store_records_clear(&book->records);
	adopt_compared_clear(&book->compared);
	book->ipam = ipam_close(book->ipam);
}
#define cleanup_book cleanup(book_close)

static bool is_of(const struct network *network,
		  const struct store_record *record)
{
	return strcmp(record->network, network->config.name) == 0;
}

/* Those of other networks are moved behind the end, and freed. */
static void keep_own(struct book *book)
{
	struct store_records *records = &book->records;
	size_t kept = 0;

	for (size_t i = 0; i < records->count; i++) {
		struct store_record record = records->items[i];

		if (!is_of(book->network, &record)) {
			store_record_clear(&record);
			continue;
		}
		records->items[kept++] = record;
	}
	records->count = kept;
}

static int book_read(struct book *book, struct error *err)
{
	int r;

	store_records_clear(&book->records);
	r = ipam_list(book->ipam, &book->records, err);
	if (r == 0)
		keep_own(book);
	return r;
}

int book_open(struct book *book, bool read_only, struct error *err)
{
	const struct config *config = &book->network->config;
	int r;

	if (!ipam_config_is_builtin(&config->ipam)) {
		report_fail(&book->ctl->report, config->name,
			    "ask the plugin that \"ipam.type\" names",
			    "its addresses are not hostshim's to give");
		return CTL_CANNOT;
	}
	r = ipam_open(&config->ipam, read_only, &book->ipam, err);
	if (r < 0)
		return r;
	return book_read(book, err);
}

/* --- ls ------------------------------------------------------------------------------- */

static const struct ctl_column ls_columns[] = {
	{ "address", "ADDRESS", CTL_TEXT },
	{ "owner", "OWNER", CTL_TEXT },
	{ "interface", "INTERFACE", CTL_TEXT },
	{ "state", "STATE", CTL_TEXT },
	{ NULL, "AGE", CTL_TEXT },
	{ "ageMinutes", NULL, CTL_NUMBER },
	{ "container", NULL, CTL_TEXT },
	{ NULL, NULL, CTL_TEXT },
};

static void ls_age(struct ctl_table *table, const struct store_record *record)
{
	uint64_t minutes = (file_boottime_ms() - record->since_ms) / 60000;

	if (minutes == 0)
		ctl_table_add(table, "<1 min");
	else if (minutes < 120)
		ctl_table_add(table, "%" PRIu64 " min", minutes);
	else if (minutes < 2880)
		ctl_table_add(table, "%" PRIu64 " h", minutes / 60);
	else
		ctl_table_add(table, "%" PRIu64 " d", minutes / 1440);
	ctl_table_add(table, "%" PRIu64, minutes);
}

static int ls_record(struct ctl_table *table, const struct store_record *record,
		     struct error *err)
{
	cleanup_free char *owner = NULL;
	int r = children_owner(record, &owner, err);

	for (size_t i = 0; i < record->n_addresses && r == 0; i++) {
		char text[INET_PREFIX_TEXT];

		inet_prefix_format(&record->addresses[i].address, text);
		ctl_table_add(table, "%s", text);
		ctl_table_add(table, "%s", owner);
		ctl_table_add(table, "%s", record->ifname);
		ctl_table_add(table, "%s",
			      record->state == STORE_STATE_LIVE ? "live"
								: "pending");
		ls_age(table, record);
		ctl_table_add(table, "%s", record->container_id);
	}
	return r;
}

static void ls_nodes(struct ctl_table *table, const struct config *config)
{
	for (size_t i = 0; i < config->n_nodes; i++) {
		const struct config_node *row = &config->nodes[i];

		for (size_t j = 0; j < row->n_addresses; j++) {
			char text[INET_PREFIX_TEXT];

			inet_prefix_format(&row->addresses[j], text);
			ctl_table_add(table, "%s", text);
			ctl_table_add(table, "node %s", row->name);
			ctl_table_add(table, "%s", "");
			ctl_table_add(table, "node");
			ctl_table_add(table, "%s", "");
			ctl_table_add(table, "%s", "");
			ctl_table_add(table, "%s", "");
		}
	}
}

static int ls_pool(struct book *book, size_t set, struct error *err)
{
	const struct ipam_range_set *ranges =
		&book->network->config.ipam.sets[set];
	struct report *report = &book->ctl->report;
	struct store_usage usage = { 0 };
	char text[INET_PREFIX_TEXT];
	int r;

	r = ipam_usage(book->ipam, set, &usage, err);
	if (r < 0)
		return r;
	inet_prefix_format(&ranges->ranges[0].range.network, text);
	/* A /64 has more than 64 bits can count; nobody reads the digits. */
	if (usage.candidates > UINT64_MAX)
		usage.candidates = UINT64_MAX;
	report_line(report,
		    "%s  %s%s  %" PRIu64 " allocatable  %" PRIu64
		    " used  %" PRIu64 " resting",
		    book->network->config.name, text,
		    ranges->count > 1 ? " and more" : "",
		    (uint64_t)usage.candidates, (uint64_t)usage.used,
		    (uint64_t)usage.resting);
	report_object(report, NULL);
	report_string(report, "range", text);
	report_uint(report, "allocatable", (uint64_t)usage.candidates);
	report_uint(report, "used", (uint64_t)usage.used);
	report_uint(report, "resting", (uint64_t)usage.resting);
	report_end(report);
	return 0;
}

static int book_ls(struct book *book, struct error *err)
{
	cleanup_ctl_table struct ctl_table table = { .columns = ls_columns };
	const struct config *config = &book->network->config;
	int r = book_open(book, true, err);

	if (r != CTL_OK)
		return r;
	report_array(&book->ctl->report, "pools");
	for (size_t i = 0; i < config->ipam.n_sets && r == 0; i++)
		r = ls_pool(book, i, err);
	report_end(&book->ctl->report);
	ls_nodes(&table, config);
	for (size_t i = 0; i < book->records.count && r == 0; i++)
		r = ls_record(&table, &book->records.items[i], err);
	if (r < 0)
		return r;
	return report_table(&book->ctl->report, "addresses", &table, 0, true,
			    err);
}

/* --- gc --------------------------------------------------------------------------------- */

static size_t count_marked(const struct book *book)
{
	size_t n = 0;

	for (size_t i = 0; i < book->records.count; i++)
		n += book->records.items[i].dead_ms != 0;
	return n;
}

static int book_gc(struct book *book, struct error *err)
{
	struct report *report = &book->ctl->report;
	struct error gc_err = { 0 };
	unsigned int released;
	size_t marked;
	int r = book_open(book, false, err);

	if (r != CTL_OK)
		return r;
	released = reclaim_dead(book->ipam, book->network->config.name, 0,
				&gc_err);
	r = ipam_audit(book->ipam, true, book_tell, book, err);
	if (r == 0)
		r = book_read(book, err);
	if (r < 0)
		return r;
	marked = count_marked(book);
	report_line(report, "%s  %u released, %zu kept",
		    book->network->config.name, released, book->records.count);
	if (marked)
		report_line(report,
			    "%zu seen dead: shimctl ipam gc a minute from now "
			    "releases what still is",
			    marked);
	report_uint(report, "released", released);
	report_uint(report, "kept", book->records.count);
	report_uint(report, "seenDead", marked);
	if (error_is_set(&gc_err)) {
		*err = gc_err;
		return error_return(err);
	}
	return CTL_OK;
}

/* --- which ------------------------------------------------------------------------------ */

enum {
	VERB_DRY_RUN = 1 << 0,
	VERB_FORCE = 1 << 1,
	VERB_REPAIR = 1 << 2,
	VERB_CLUSTER = 1 << 3, /* and a dry run of it */
	VERB_ADOPT = 1 << 4, /* --from and --to */
};

static const struct ipam_verb {
	const char *name;
	int max_args;
	unsigned int options; /* VERB_* */
	int (*run)(struct book *book, struct error *err);
} ipam_verbs[] = {
	{ "ls", 1, 0, book_ls },
	{ "check", 1, VERB_REPAIR, book_check },
	{ "release", 2, VERB_DRY_RUN | VERB_FORCE, book_release },
	{ "gc", 1, VERB_CLUSTER, book_gc },
	{ "adopt", 1, VERB_DRY_RUN | VERB_ADOPT, book_adopt },
};

static const struct ipam_verb *ipam_find_verb(const struct ctl *ctl)
{
	for (size_t i = 0; i < ARRAY_SIZE(ipam_verbs); i++)
		if (strcmp(ipam_verbs[i].name, ctl->args[0]) == 0 &&
		    ctl->n_args <= ipam_verbs[i].max_args)
			return &ipam_verbs[i];
	return NULL;
}

/* What would be ignored is refused: a dry run above all. */
static int ipam_check_options(const struct ctl *ctl,
			      const struct ipam_verb *verb)
{
	const struct {
		bool is_given;
		unsigned int option;
		const char *text;
	} given[] = {
		{ ctl->dry_run && !ctl->cluster, VERB_DRY_RUN,
		  "--dry-run is of release, adopt and gc --cluster" },
		{ ctl->force, VERB_FORCE, "--force is of release" },
		{ ctl->repair, VERB_REPAIR, "--repair is of check" },
		{ ctl->cluster, VERB_CLUSTER, "--cluster is of gc" },
		{ ctl->from || ctl->to, VERB_ADOPT,
		  "--from and --to are of adopt" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		if (given[i].is_given && !(verb->options & given[i].option))
			return ctl_usage("ipam: %s", given[i].text);
	return 0;
}

static int ipam_network(struct ctl *ctl, const struct ipam_verb *verb,
			const struct network *network, struct error *err)
{
	cleanup_book struct book book = { .ctl = ctl, .network = network };
	int r;

	report_object(&ctl->report, NULL);
	report_string(&ctl->report, "network", network->config.name);
	r = verb->run(&book, err);
	if (r >= 0)
		report_end(&ctl->report);
	return r;
}

/* A person's own, who may more than the node. */
static int use_kubeconfig(struct ctl *ctl, struct error *err)
{
	for (size_t i = 0; i < ctl->n_networks && ctl->kubeconfig; i++) {
		char **path = &ctl->networks[i].config.ipam.kubeconfig;

		free(*path);
		*path = strdup(ctl->kubeconfig);
		if (!*path)
			return error_oom(err);
	}
	return 0;
}

int ctl_ipam(struct ctl *ctl, struct error *err)
{
	const struct ipam_verb *verb = ipam_find_verb(ctl);
	int status = CTL_OK;
	int r;

	if (!verb)
		return ctl_usage("ipam: ls, check, release ADDRESS, gc or "
				 "adopt");
	if (ipam_check_options(ctl, verb) != 0)
		return CTL_USAGE;
	r = use_kubeconfig(ctl, err);
	if (r < 0)
		return r;
	if (ctl->cluster)
		return book_collect(ctl, err);
	report_array(&ctl->report, "networks");
	for (size_t i = 0; i < ctl->n_networks; i++) {
		r = ipam_network(ctl, verb, &ctl->networks[i], err);
		if (r < 0 || r == CTL_USAGE)
			return r;
		if (r > status)
			status = r;
	}
	report_end(&ctl->report);
	return status;
}
