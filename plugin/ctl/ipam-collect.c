#include "plugin/ctl/ipam-priv.h"

#include <unistd.h>

/* What dead nodes left: for a CronJob with an account of its own, or a person. */

struct collect {
	struct ctl *ctl;
	unsigned int released;
};

static void tell(void *arg, const struct store_finding *finding)
{
	struct collect *collect = arg;
	char text[INET_ADDR_TEXT];

	report_line(&collect->ctl->report, "%s %s%s",
		    inet_addr_format(&finding->addr, text), finding->text,
		    finding->is_repaired ? ": released" : "");
	collect->released += finding->is_repaired;
}

/* Of the first network that has one here; in a pod, the pod's own. */
static const char *kubeconfig_of(const struct ctl *ctl)
{
	for (size_t i = 0; i < ctl->n_networks; i++) {
		const struct ipam_config *ipam = &ctl->networks[i].config.ipam;

		if (ipam->store == IPAM_STORE_KUBERNETES &&
		    (access(ipam->kubeconfig, F_OK) == 0 ||
		     !getenv("KUBERNETES_SERVICE_HOST")))
			return ipam->kubeconfig;
	}
	return NULL;
}

int book_collect(struct ctl *ctl, struct error *err)
{
	struct collect collect = { .ctl = ctl };
	int r = ipam_collect(kubeconfig_of(ctl), IPAM_COLLECT_MS, ctl->dry_run,
			     tell, &collect, err);

	if (r < 0)
		return error_context(err, "gc --cluster");
	report_line(&ctl->report, "%u released of nodes that are gone",
		    collect.released);
	report_uint(&ctl->report, "released", collect.released);
	return CTL_OK;
}
