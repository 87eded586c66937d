#include "plugin/ctl/traffic.h"

#include "lib/file.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

/*
 * The window is cut into steps of a second (longer ones for a window of more
 * than ten minutes): "consistently above" is asked of each step, and a counter
 * of 32 bits wraps every 3.4 s at 10 Gb/s.
 *
 * Interrupted, it tells what it has seen so far. SIGINT and SIGTERM are blocked
 * from the first look on, and taken while we sleep: caught by a handler, one
 * that comes just before the sleep would be slept through.
 */

#define TRAFFIC_STEPS 600

static void traffic_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
}

/* Returns whether we are to come to an end, which ends the pause. */
static bool traffic_sleep(uint64_t until_ms)
{
	sigset_t signals;
	int r;

	traffic_signals(&signals);
	do {
		uint64_t now = file_boottime_ms();
		uint64_t ms = until_ms > now ? until_ms - now : 0;
		struct timespec pause = {
			.tv_sec = (time_t)(ms / 1000),
			.tv_nsec = (long)(ms % 1000 * 1000000),
		};

		r = sigtimedwait(&signals, NULL, &pause);
	} while (r < 0 && errno == EINTR);
	return r > 0;
}

/* All networks at once: they share links. */
static int traffic_look_all(struct traffic *all, size_t count, bool sample,
			    struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		int r;

		if (all[i].network->config.link_in_container)
			continue; /* the parent is in the pod */
		r = traffic_look(&all[i], err);
		if (r < 0)
			return error_context(err, "network %s",
					     all[i].network->config.name);
		if (sample && all[i].ctl->threshold)
			traffic_sample(&all[i]);
	}
	return 0;
}

static int traffic_measure(struct traffic *all, size_t count,
			   unsigned int window, bool *ret_interrupted,
			   struct error *err)
{
	unsigned int step = (window + TRAFFIC_STEPS - 1) / TRAFFIC_STEPS;
	uint64_t start = file_boottime_ms();
	int r = traffic_look_all(all, count, false, err);

	*ret_interrupted = false;
	for (unsigned int done = 0;
	     r == 0 && done < window && !*ret_interrupted;) {
		done = done + step < window ? done + step : window;
		*ret_interrupted = traffic_sleep(start + done * 1000ULL);
		r = traffic_look_all(all, count, true, err);
	}
	return r;
}

static int traffic_report_all(struct ctl *ctl, struct traffic *all,
			      struct error *err)
{
	int status = CTL_OK;

	report_array(&ctl->report, "networks");
	for (size_t i = 0; i < ctl->n_networks; i++) {
		int r = traffic_report(&all[i], err);

		if (r < 0)
			return r;
		if (r > status)
			status = r;
	}
	report_end(&ctl->report);
	return status;
}

int ctl_traffic(struct ctl *ctl, struct error *err)
{
	struct traffic *all = calloc(ctl->n_networks, sizeof(*all));
	sigset_t signals;
	bool interrupted;
	int r;

	if (!all)
		return error_oom(err);
	for (size_t i = 0; i < ctl->n_networks; i++) {
		all[i].ctl = ctl;
		all[i].network = &ctl->networks[i];
	}
	traffic_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	r = traffic_measure(all, ctl->n_networks, ctl->window, &interrupted,
			    err);
	if (r == 0)
		r = traffic_report_all(ctl, all, err);
	for (size_t i = 0; i < ctl->n_networks; i++)
		traffic_clear(&all[i]);
	free(all);
	ctl->again = ctl->watch && !interrupted && !traffic_sleep(0);
	return r;
}
