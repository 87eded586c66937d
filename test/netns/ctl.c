#include "test/netns/ctl.h"

#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAC_LEN 17

const char ctl_config[] =
	"{ \"cniVersion\": \"1.1.0\", \"name\": \"storage\", "
	"\"type\": \"hostshim\", \"master\": \"vxlan-storage\", "
	"\"vxlan\": { \"id\": 100 }, "
	"\"hostShim\": { \"name\": \"lhnet1-host\" }, "
	"\"nodes\": { "
	"\"k8s-1\": { \"vtep\": \"10.100.100.1\", "
	"\"address\": \"10.100.1.1/24\" }, "
	"\"k8s-2\": { \"vtep\": \"10.100.100.2\", "
	"\"address\": \"10.100.1.2/24\" } }, " SEED_IPAM " }";

void ctl_write(const char *config)
{
	FILE *file = fopen(CTL_CONFIG, "we");

	cr_assert(file && fputs(config, file) >= 0 && fclose(file) == 0);
}

void ctl_open(void)
{
	seed_open();
	ctl_write(ctl_config);
}

/* --- what differs from run to run --------------------------------------------------- */

static bool ctl_is_mac(const char *text)
{
	for (int i = 0; i < MAC_LEN; i++)
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit(text[i]))
			return false;
	return true;
}

/* "0.06 s" at the end of a line. */
static size_t ctl_time(const char *text)
{
	size_t len = strspn(text, "0123456789.");

	return len >= 4 && strncmp(text + len, " s\n", 3) == 0 ? len : 0;
}

static void ctl_level(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		size_t seconds = ctl_time(from);

		if (ctl_is_mac(from)) {
			to = mempcpy(to, "MAC", 3);
			from += MAC_LEN;
		} else if (seconds) {
			*to++ = 'T';
			from += seconds;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

/* --- what is measured ---------------------------------------------------------------- */

static const char *const ctl_measured[] = {
	"\"txBytes\":",        "\"rxBytes\":",        "\"txFrames\":",
	"\"rxFrames\":",       "\"sharePercent\":",   "\"seconds\":",
	"\"framesLocal\":",    "\"framesLeft\":",     "\"framesForeign\":",
	"\"copiesPerFrame\":", "\"averagePercent\":", "\"highestPercent\":",
};

/* How long is the number that was measured? 0: it is none. */
static size_t ctl_decimal(const char *start, const char *at)
{
	size_t whole = strspn(at, "0123456789");
	size_t len = strspn(at, "0123456789.");

	if (whole == 0 || len < whole + 2 || at[whole] != '.' ||
	    memchr(at + whole + 1, '.', len - whole - 1) ||
	    (at > start && at[-1] != ' '))
		return 0;
	return len;
}

static size_t ctl_member(const char *start, const char *at)
{
	for (size_t i = 0; i < ARRAY_SIZE(ctl_measured); i++) {
		size_t len = strlen(ctl_measured[i]);

		if (at - start >= (ptrdiff_t)len &&
		    memcmp(at - len, ctl_measured[i], len) == 0)
			return strspn(at, "0123456789.");
	}
	return 0;
}

static char *ctl_level_measured(const char *text)
{
	char *leveled = malloc(strlen(text) + 1);
	char *to = leveled;

	cr_assert(leveled);
	for (const char *from = text; *from;) {
		size_t decimal = ctl_decimal(text, from);
		size_t member = ctl_member(text, from);

		if (!decimal && !member) {
			*to++ = *from++;
			continue;
		}
		while (decimal && to - leveled >= 2 && to[-1] == ' ' &&
		       to[-2] == ' ')
			to--;
		*to++ = 'N';
		from += decimal ? decimal : member;
	}
	*to = '\0';
	return leveled;
}

/* --- running -------------------------------------------------------------------------- */

int ctl_run(const char *args, char **ret_out, char **ret_err)
{
	const char *build = getenv("HOSTSHIM_BUILD");
	cleanup_free char *command = NULL;
	cleanup_free char *path = NULL;
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	const char *env[] = { "NODENAME=k8s-1", "C=-c " CTL_CONFIG, NULL,
			      NULL };
	struct run_request request = { .argv = argv, .env = env, .input = "" };
	struct run_answer answer = { 0 };
	int status;

	cr_assert(build, "HOSTSHIM_BUILD: start through ctest");
	cr_assert(asprintf(&command, "shimctl %s", args) > 0);
	cr_assert(asprintf(&path, "PATH=%s/plugin/ctl:/usr/sbin:/usr/bin:/bin",
			   build) > 0);
	argv[2] = command;
	env[2] = path;
	run_program(&request, &answer);
	status = answer.status;
	ctl_level(answer.out);
	ctl_level(answer.err);
	if (ret_out)
		*ret_out = take_ptr(answer.out);
	if (ret_err)
		*ret_err = take_ptr(answer.err);
	run_answer_clear(&answer);
	return status;
}

void ctl_prints(const char *args, int status, const char *out)
{
	cleanup_free char *said = NULL;
	cleanup_free char *err = NULL;

	cr_expect_eq(ctl_run(args, &said, &err), status, "%s: %s%s", args, said,
		     err);
	cr_expect_str_eq(said, out, "%s:\n%s", args, said);
	cr_expect_str_eq(err, "", "%s: %s", args, err);
}

void ctl_measures(const char *args, int status, const char *out)
{
	cleanup_free char *leveled = NULL;
	cleanup_free char *said = NULL;
	cleanup_free char *err = NULL;

	cr_expect_eq(ctl_run(args, &said, &err), status, "%s: %s%s", args, said,
		     err);
	leveled = ctl_level_measured(said);
	cr_expect_str_eq(leveled, out, "%s:\n%s", args, leveled);
	cr_expect_str_eq(err, "", "%s: %s", args, err);
}

void ctl_fails(const char *args, int status, const char *text)
{
	cleanup_free char *err = NULL;

	cr_expect_eq(ctl_run(args, NULL, &err), status, "%s", args);
	cr_expect_str_eq(err, text, "%s: %s", args, err);
}
