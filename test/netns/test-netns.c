#include "lib/netlink.h"
#include "lib/netns.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/hostshim-netns-XXXXXX";
static char path[128];

static void make_dir(void)
{
	ns_fresh();
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/ns", dir);
}

static void drop_dir(void)
{
	umount2(path, MNT_DETACH);
	unlink(path);
	rmdir(dir);
}

TestSuite(netns, .init = make_dir, .fini = drop_dir);

Test(netns, a_missing_path_is_absent, .description = "NS-1")
{
	struct error err = { 0 };
	int fd = -1;

	cr_expect_eq(netns_open(path, &fd, &err), NETNS_ABSENT);
	cr_expect_eq(netns_open("/dev/null/ns", &fd, &err), NETNS_ABSENT);
	cr_expect_eq(fd, -1);
	cr_expect_not(error_is_set(&err));
}

Test(netns, files_fifos_and_other_namespaces_are_not_one, .description = "NS-1")
{
	static const char *const paths[] = { "/proc/self/ns/mnt", "/dev/null",
					     "/tmp", "/proc/self/status" };
	struct error err = { 0 };
	int fd = -1;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		cr_expect_eq(netns_open(paths[i], &fd, &err), NETNS_NOT_ONE,
			     "%s", paths[i]);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_eq(netns_open(path, &fd, &err), NETNS_NOT_ONE);
	cr_expect_eq(fd, -1);
}

Test(netns, a_bind_mount_is_one_until_it_is_unmounted)
{
	cleanup_close int other = ns_new();
	cleanup_close int fd = -1;
	struct error err = { 0 };
	char source[NS_PATH];
	int none = -1;

	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	cr_assert_eq(mount(ns_path(other, source), path, NULL, MS_BIND, NULL),
		     0);
	cr_expect_eq(netns_open(path, &fd, &err), 0);
	cr_expect_eq(netns_is_same(fd, other, &err), 1);
	cr_assert_eq(umount2(path, MNT_DETACH), 0);
	cr_expect_eq(netns_open(path, &none, &err), NETNS_NOT_ONE);
}

Test(netns, our_own_is_known_by_any_path)
{
	cleanup_close int self = ns_self();
	cleanup_close int other = ns_new();
	cleanup_close int again = -1;
	struct error err = { 0 };
	char text[NS_PATH];

	cr_assert_eq(netns_open(ns_path(self, text), &again, &err), 0);
	cr_expect_eq(netns_is_same(self, again, &err), 1);
	cr_expect_eq(netns_is_same(self, other, &err), 0);
}

static int count_links(void *arg, struct error *err)
{
	cleanup_free char *links = ns_exec(-1, "ls /proc/sys/net/ipv4/conf");

	(void)err;
	*(bool *)arg = strstr(links, "only-there") != NULL;
	return 7;
}

Test(netns, run_goes_there_passes_the_answer_on_and_comes_back)
{
	cleanup_close int self = ns_self();
	cleanup_close int other = ns_new();
	cleanup_close int after = -1;
	struct error err = { 0 };
	bool seen = false;

	ns_do(other, "ip link add name only-there type bridge");
	cr_expect_eq(netns_run(other, count_links, &seen, &err), 7);
	cr_expect(seen);
	after = ns_self();
	cr_expect_eq(netns_is_same(self, after, &err), 1);
	cr_expect_eq(netns_run(-1, count_links, &seen, &err), 7);
	cr_expect_not(seen);
}

Test(netns, a_namespace_that_is_none_is_not_entered)
{
	cleanup_close int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct error err = { 0 };
	bool seen = false;

	cr_expect_lt(netns_run(fd, count_links, &seen, &err), 0);
	cr_expect_eq(err.code, ERROR_NETNS);
}

Test(netns, cookies_are_not_reused)
{
	struct error err = { 0 };
	uint64_t first, again, second;
	int fd = ns_new();

	cr_assert_eq(netns_cookie(fd, &first, &err), 0);
	cr_assert_eq(netns_cookie(fd, &again, &err), 0);
	cr_expect_eq(first, again);
	close(fd);
	fd = ns_new();
	cr_assert_eq(netns_cookie(fd, &second, &err), 0);
	cr_expect_neq(first, second);
	close(fd);
}

Test(netns, a_session_knows_the_cookie_of_its_namespace)
{
	cleanup_netlink struct netlink *nl = NULL;
	cleanup_close int fd = ns_new();
	struct error err = { 0 };
	uint64_t cookie;

	cr_assert_eq(netns_cookie(fd, &cookie, &err), 0);
	cr_assert_eq(netlink_open(fd, &nl, &err), 0);
	cr_expect_eq(netlink_cookie(nl), cookie);
}

Test(netns, ours_is_told_from_another)
{
	cleanup_close int other = ns_new();
	cleanup_close int own = -1;
	struct error err = { 0 };

	cr_assert_eq(netns_open_self(&own, &err), 0);
	cr_expect_eq(netns_is_own(own, &err), 1);
	cr_expect_eq(netns_is_own(other, &err), 0);
}

/* --- all that can be seen ------------------------------------------------------ */

struct walk {
	const char *wanted;
	int pid;
	unsigned int found;
	uint64_t ino;
};

static int look(const struct netns_place *seen, void *arg, struct error *err)
{
	struct walk *walk = arg;

	(void)err;
	if (walk->wanted ? strcmp(seen->path, walk->wanted) == 0
			 : seen->pid == walk->pid) {
		walk->found++;
		walk->ino = seen->ino;
	}
	return 0;
}

Test(netns, a_mounted_one_is_found_whatever_its_path_is_called)
{
	static char place[] = "/run/a b\\c";
	struct walk walk = { .wanted = place };
	cleanup_close int fd = ns_new();
	struct error err = { 0 };
	char source[NS_PATH];
	struct stat st;

	cr_assert_eq(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0);
	close(open(place, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	cr_assert_eq(mount(ns_path(fd, source), place, NULL, MS_BIND, NULL), 0);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_assert_eq(netns_each_mount(look, &walk, &err), 0, "%s", err.details);
	umount(place);
	cr_expect_eq(walk.found, 1);
	cr_expect_eq(walk.ino, st.st_ino);
}

Test(netns, a_process_is_found_by_its_number)
{
	struct walk walk = { .pid = getpid() };
	struct error err = { 0 };

	cr_assert_eq(netns_each_process(look, &walk, &err), 0, "%s",
		     err.details);
	cr_expect_eq(walk.found, 1);
}

static int stop(const struct netns_place *seen, void *arg, struct error *err)
{
	unsigned int *calls = arg;

	(void)seen;
	(void)err;
	(*calls)++;
	return 7;
}

Test(netns, a_walk_ends_where_it_is_told_to)
{
	unsigned int calls = 0;
	struct error err = { 0 };

	cr_expect_eq(netns_each_process(stop, &calls, &err), 7);
	cr_expect_eq(calls, 1);
}
