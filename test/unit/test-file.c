#include "lib/file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[] = "/tmp/hostshim-file-XXXXXX";
static char path[128];

static void make_dir(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
}

static void drop_dir(void)
{
	unlink(path);
	rmdir(dir);
}

TestSuite(file, .init = make_dir, .fini = drop_dir);

static void write_file(const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct error err = { 0 };

	cr_assert_geq(fd, 0);
	cr_assert_eq(file_write_all(fd, text, strlen(text), &err), 0);
}

Test(file, a_missing_file_is_an_outcome)
{
	cleanup_free char *text = NULL;
	struct error err = { 0 };

	cr_expect_eq(file_read(path, 100, &text, NULL, &err), FILE_ABSENT);
	cr_expect_eq(file_read_line(path, &text, &err), FILE_ABSENT);
	cr_expect_not(error_is_set(&err));
}

Test(file, too_much_is_refused_and_exactly_enough_is_not)
{
	cleanup_free char *text = NULL;
	cleanup_free char *more = NULL;
	struct error err = { 0 };
	size_t len;

	write_file("12345");
	cr_expect_eq(file_read(path, 5, &text, &len, &err), 0);
	cr_expect_eq(len, 5);
	cr_expect_str_eq(text, "12345");
	cr_expect_lt(file_read(path, 4, &more, &len, &err), 0);
	cr_expect_eq(err.code, ERROR_IO);
}

Test(file, only_files_are_read)
{
	const char *const others[] = { path, dir, "/dev/zero" };
	struct error err = { 0 };
	char *text = NULL;

	cr_assert_eq(mkfifo(path, 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		cr_expect_lt(file_read(others[i], 100, &text, NULL, &err), 0,
			     "%s", others[i]);
		cr_expect_not_null(strstr(err.details, "is no file"), "%s",
				   err.details);
	}
}

Test(file, a_line_is_trimmed_and_an_empty_one_is_absent)
{
	cleanup_free char *line = NULL;
	struct error err = { 0 };

	write_file("  k8s-1 \r\nmore\n");
	cr_expect_eq(file_read_line(path, &line, &err), 0);
	cr_expect_str_eq(line, "k8s-1");
	write_file(" \n");
	cr_expect_eq(file_read_line(path, &line, &err), FILE_ABSENT);
}

Test(file, a_held_lock_is_an_outcome_after_the_deadline, .description = "LK-1")
{
	cleanup_close int first = -1;
	cleanup_close int second = -1;
	struct error err = { 0 };
	uint64_t before;

	cr_assert_eq(file_lock(path, true, 0, &first, &err), 0);
	before = file_boottime_ms();
	cr_expect_eq(file_lock(path, false, 50, &second, &err), FILE_LOCKED);
	cr_expect_geq(file_boottime_ms() - before, 50);

	close(take_fd(&first));
	cr_expect_eq(file_lock(path, true, 0, &second, &err), 0);
}

/* As when the file system of /run is lost while somebody waits */
Test(file, a_lock_that_was_lost_meanwhile_is_none)
{
	cleanup_close int second = -1;
	cleanup_close int third = -1;
	struct error err = { 0 };
	int ready[2], first = -1;
	char byte = 0;
	pid_t child;

	cr_assert_eq(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		if (file_lock(path, true, 0, &first, &err) != 0 ||
		    write(ready[1], &byte, 1) != 1)
			_exit(1);
		usleep(50000);
		_exit(unlink(path) < 0);
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	cr_expect_eq(file_lock(path, true, 20000, &second, &err), 0);
	cr_expect_eq(waitpid(child, NULL, 0), child);
	cr_expect_eq(file_lock(path, true, 0, &third, &err), FILE_LOCKED);
	close(ready[0]);
	close(ready[1]);
}

Test(file, shared_locks_go_together)
{
	cleanup_close int first = -1;
	cleanup_close int second = -1;
	struct error err = { 0 };

	cr_assert_eq(file_lock(path, false, 0, &first, &err), 0);
	cr_expect_eq(file_lock(path, false, 0, &second, &err), 0);
}

Test(file, directories_are_made_private_and_twice_is_fine)
{
	char deep[160], middle[160];
	struct error err = { 0 };
	struct stat st;

	snprintf(middle, sizeof(middle), "%s/a", dir);
	snprintf(deep, sizeof(deep), "%s/a/b", dir);
	cr_expect_eq(file_mkdirs(deep, &err), 0);
	cr_expect_eq(file_mkdirs(deep, &err), 0);
	cr_expect_eq(stat(deep, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0700);
	rmdir(deep);
	rmdir(middle);
}

Test(file, a_file_in_the_way_of_a_directory_is_named)
{
	struct error err = { 0 };

	write_file("x");
	cr_expect_lt(file_mkdirs(path, &err), 0);
	cr_expect(strstr(err.details, path));
}

Test(file, this_boot_has_an_id)
{
	char id[FILE_BOOT_ID_TEXT];
	struct error err = { 0 };

	cr_expect_eq(file_boot_id(id, &err), 0);
	cr_expect_eq(strlen(id), 36);
}
