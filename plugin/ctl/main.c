#include "lib/file.h"
#include "lib/log.h"
#include "lib/netns.h"
#include "plugin/ctl/main-priv.h"

#include <assert.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * --netns is entered before anything is looked at, and stays entered: the modules
 * then act on "our own" namespace, as they do in the plugin.
 */

/* --- words -------------------------------------------------------------------------- */

static void main_tell(const struct main *m)
{
	if (m->version)
		printf("shimctl %s\n", HOSTSHIM_VERSION);
	else
		main_help(stdout, m->command);
}

/* One concrete step for each kind of failure. */
static const char *main_next(const struct error *err)
{
	if (err->sys == EPERM || err->sys == EACCES)
		return "run it as root";
	switch ((enum error_code)err->code) {
	case ERROR_VERSION:
	case ERROR_UNSUPPORTED:
	case ERROR_DECODE:
	case ERROR_CONFIG:
		return "correct the configuration";
	case ERROR_ENVIRONMENT:
		return "give the name with --node";
	case ERROR_IO:
		return "look at that file, and at who may read it";
	case ERROR_NETNS:
		return "give a path of a network namespace";
	case ERROR_AGAIN:
	case ERROR_NOT_AVAILABLE:
	case ERROR_LIMITED:
		return "try again, or wait for it with: shimctl up --wait";
	case ERROR_STORE:
		return "move that file away once no pod of the network runs";
	case ERROR_OVERLAY:
	case ERROR_SHIM:
	case ERROR_LINK:
		return "correct what it names, then: shimctl up";
	case ERROR_NONE:
	case ERROR_CONTAINER_UNKNOWN:
	case ERROR_POOL_EXHAUSTED:
	case ERROR_ADDRESS_TAKEN:
	case ERROR_ADDRESS_INVALID:
	case ERROR_IFNAME_EXISTS:
	case ERROR_DELEGATE:
	case ERROR_INTERNAL:
		break;
	}
	return "run it again with -v";
}

static int main_status(const struct error *err)
{
	if (err->sys == EPERM || err->sys == EACCES)
		return CTL_CANNOT;
	switch (err->code) {
	case ERROR_VERSION:
	case ERROR_UNSUPPORTED:
	case ERROR_DECODE:
	case ERROR_CONFIG:
	case ERROR_ENVIRONMENT:
	case ERROR_NETNS:
		return CTL_USAGE;
	default:
		return CTL_FAILED;
	}
}

static int main_fail(const struct error *err)
{
	fprintf(stderr, "shimctl: %s -> %s\n", err->details, main_next(err));
	return main_status(err);
}

/* --- running ------------------------------------------------------------------------ */

static bool main_is_admin(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[0].effective & (1U << CAP_NET_ADMIN));
}

static int main_enter(const char *path, struct error *err)
{
	cleanup_close int netns = -1;
	int r = netns_open(path, &netns, err);

	if (r < 0)
		return r;
	if (r > 0)
		return error_set(err, ERROR_NETNS, 0,
				 "--netns %s: no network namespace", path);
	if (setns(netns, CLONE_NEWNET) < 0)
		return error_set(err, ERROR_NETNS, errno, "--netns %s", path);
	return 0;
}

static int main_prepare(struct main *m, struct error *err)
{
	struct ctl *ctl = &m->ctl;
	int r;

	assert(m->command);
	if (m->command->privileged && !main_is_admin())
		return error_set(err, ERROR_LINK, EPERM,
				 "%s needs CAP_NET_ADMIN", m->command->name);
	if (m->netns) {
		r = main_enter(m->netns, err);
		if (r < 0)
			return r;
	}
	if (!m->command->anywhere &&
	    !(m->ctl.cluster && getenv("KUBERNETES_SERVICE_HOST"))) {
		r = ctl_networks_read(ctl, err);
		if (r < 0)
			return r;
	}
	return netlink_open(-1, &ctl->host, err);
}

static int main_open_report(struct main *m, struct error *err)
{
	bool colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

	report_close(&m->ctl.report);
	return report_open(&m->ctl.report,
			   m->ctl.json ? REPORT_JSON : REPORT_TEXT, colours,
			   m->command->name, err);
}

static int main_print(struct ctl *ctl, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	r = report_finish(&ctl->report, &text, &len, err);
	if (r < 0)
		return r;
	r = file_write_all(STDOUT_FILENO, text, len, err);
	return r < 0 ? error_context(err, "stdout") : 0;
}

/* What was found before a command failed is told as well. */
static int main_round(struct main *m, struct error *err)
{
	struct error print_err = { 0 };
	int status, r;

	r = main_open_report(m, err);
	if (r < 0)
		return r;
	status = m->command->run(&m->ctl, err);
	if (status == CTL_USAGE)
		return status;
	r = main_print(&m->ctl, &print_err);
	if (status < 0)
		return status;
	if (r < 0) {
		*err = print_err;
		return r;
	}
	if (status == CTL_OK && m->ctl.report.n_failed)
		return CTL_FAILED;
	return status;
}

static int main_run(struct main *m, struct error *err)
{
	int r = main_prepare(m, err);

	if (r < 0)
		return r;
	do
		r = main_round(m, err);
	while (r >= 0 && m->ctl.again);
	return r;
}

static void main_clear(struct main *m)
{
	report_close(&m->ctl.report);
	netlink_close(m->ctl.host);
	ctl_networks_clear(&m->ctl);
	free(m->ctl.files);
}

static int main_serve(struct main *m, int argc, char **argv, struct error *err)
{
	enum log_level level = LOG_LEVEL_WARNING;
	int r;

	r = main_parse(m, argc, argv, err);
	if (r != 0)
		return r;
	if (m->done) {
		main_tell(m);
		return CTL_OK;
	}
	if (m->ctl.quiet)
		level = LOG_LEVEL_QUIET;
	else if (m->ctl.verbose)
		level = LOG_LEVEL_DEBUG;
	log_init("shimctl", level);
	return main_run(m, err);
}

int main(int argc, char **argv)
{
	struct main m = {
		.ctl = { .timeout = 300, .window = 10, .count = 3 },
	};
	struct error err = { 0 };
	int r;

	signal(SIGPIPE, SIG_IGN);
	r = main_serve(&m, argc, argv, &err);
	if (r < 0)
		r = main_fail(&err);
	main_clear(&m);
	return r;
}
