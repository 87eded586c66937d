#include "ipam/config.h"
#include "lib/log.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

/*
 * The places where Whereabouts looks for its flat file are those of the machine:
 * so an empty folder takes the place of /etc, in a mount namespace of our own.
 */

static void start(void)
{
	log_init("test", LOG_LEVEL_QUIET);
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount("tmpfs", "/etc", "tmpfs", 0, NULL), 0);
}

TestSuite(whereabouts_flat, .init = start);

static void write_flat(const char *folder, const char *pool)
{
	ns_do(-1,
	      "mkdir -p %s && echo '{\"network_name\": \"%s\"}'"
	      " >%s/whereabouts.conf",
	      folder, pool, folder);
}

/* The pool that a section which names none gets. */
static void expect_pool(const char *pool, const char *keys)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	cleanup_json struct json *json = NULL;
	struct error err = { 0 };
	struct json_at root;
	char text[256];

	snprintf(text, sizeof(text), "{\"type\": \"whereabouts\"%s}", keys);
	cr_assert_eq(json_parse(text, strlen(text), &json, &err), 0);
	root = json_root(json);
	cr_assert_eq(ipam_config_read(&root, &config, &err), 0, "%s",
		     err.details);
	cr_expect_str_eq(config.pool, pool, "%s: %s", keys, config.pool);
}

#define ELDER "/etc/kubernetes/cni/net.d/whereabouts.d"
#define USUAL "/etc/cni/net.d/whereabouts.d"

Test(whereabouts_flat, the_first_that_exists_is_read_and_no_other)
{
	static const char named[] =
		", \"configuration_path\": \"/etc/own/whereabouts.conf\"";

	expect_pool("", "");
	expect_pool("", named);
	write_flat(USUAL, "usual");
	expect_pool("usual", "");
	expect_pool("usual", named);
	write_flat(ELDER, "elder");
	expect_pool("elder", "");
	write_flat("/etc/own", "own");
	expect_pool("own", named);
	expect_pool("own", ", \"configuration_path\": \"/etc/own\"");
	expect_pool("elder", "");
	expect_pool("given", ", \"network_name\": \"given\"");
}

Test(whereabouts_flat, a_folder_without_the_file_names_none)
{
	write_flat(USUAL, "usual");
	ns_do(-1, "mkdir /etc/own");
	expect_pool("usual", ", \"configuration_path\": \"/etc/own\"");
}
