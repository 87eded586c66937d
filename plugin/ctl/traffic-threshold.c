#include "plugin/ctl/traffic.h"

#include <inttypes.h>
#include <stdio.h>

/* Is storage consistently above a part of a link's speed? */

static const struct ctl_column threshold_columns[] = {
	{ "name", NULL, CTL_TEXT },
	{ "samples", NULL, CTL_NUMBER },
	{ "above", NULL, CTL_NUMBER },
	{ "averagePercent", NULL, CTL_MILLI },
	{ "highestPercent", NULL, CTL_MILLI },
	{ "consistently", NULL, CTL_BOOL },
	{ NULL, NULL, CTL_TEXT },
};

/* One pause of ten does not make it inconsistent. */
static bool traffic_is_consistent(const struct traffic_link *link)
{
	return link->n_samples &&
	       link->n_above >= link->n_samples - link->n_samples / 10;
}

static uint64_t traffic_average(const struct traffic_link *link)
{
	return link->n_samples ? link->percent_sum / link->n_samples : 0;
}

static void traffic_tell_threshold(struct traffic *traffic,
				   const struct traffic_link *link)
{
	struct report *report = &traffic->ctl->report;
	double limit = (double)traffic->ctl->threshold / 1000;
	char text[160];

	snprintf(text, sizeof(text),
		 "%.1f %% of %" PRIu32 " Mb/s on average, %.1f %% at most, "
		 "above %g %% in %u of %u samples",
		 (double)traffic_average(link) / 1000, link->speed,
		 (double)link->percent_max / 1000, limit, link->n_above,
		 link->n_samples);
	if (traffic_is_consistent(link))
		report_fail(report, link->name,
			    link->is_default
				    ? "give storage a link of its own"
				    : "give storage a faster link, or more "
				      "of them",
			    "storage is consistently above %g %%: %s", limit,
			    text);
	else
		report_line(report, "%s: storage is %s above %g %%: %s",
			    link->name, link->n_above ? "at times" : "not",
			    limit, text);
}

static bool traffic_has_speed(struct traffic *traffic,
			      const struct traffic_link *link)
{
	if (link->speed)
		return true;
	report_fail(&traffic->ctl->report, link->name,
		    "give it, in Mb/s: --speed 10000",
		    "its speed is unknown: there is nothing to compare with");
	return false;
}

int traffic_threshold(struct traffic *traffic, struct error *err)
{
	cleanup_ctl_table struct ctl_table table = {
		.columns = threshold_columns
	};
	struct report *report = &traffic->ctl->report;
	int status = CTL_OK;
	int r;

	for (size_t i = 0; i < traffic->count; i++) {
		const struct traffic_link *link = &traffic->links[i];

		if (!traffic_is_link(traffic, link))
			continue;
		if (!traffic_has_speed(traffic, link)) {
			status = CTL_CANNOT;
			continue;
		}
		traffic_tell_threshold(traffic, link);
		ctl_table_add(&table, "%s", link->name);
		ctl_table_add(&table, "%u", link->n_samples);
		ctl_table_add(&table, "%u", link->n_above);
		ctl_table_add(&table, "%" PRIu64, traffic_average(link));
		ctl_table_add(&table, "%" PRIu64, link->percent_max);
		ctl_table_add(&table, "%s",
			      traffic_is_consistent(link) ? "yes" : "no");
	}
	if (report->form == REPORT_TEXT)
		return status;
	report_milli(report, "thresholdPercent", traffic->ctl->threshold);
	r = report_table(report, "links", &table, 0, false, err);
	return r < 0 ? r : status;
}
