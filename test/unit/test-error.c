#include "lib/error.h"
#include "lib/undo.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(error, carries_code_errno_and_its_text)
{
	struct error err = { 0 };
	int r;

	r = error_set(&err, ERROR_LINK, EBUSY, "create macvlan on %s", "ens4");

	cr_expect_eq(r, -EBUSY);
	cr_expect_eq(err.code, 104);
	cr_expect_str_eq(err.msg, "kernel refused the link");
	cr_expect_str_eq(err.details,
			 "create macvlan on ens4: Device or resource busy");
}

Test(error, context_reads_from_the_outside_in)
{
	struct error err = { 0 };
	int r;

	error_set(&err, ERROR_CONFIG, 0, "prefix /33 is not valid for IPv4");
	error_context(&err, "ipam.range");
	r = error_context(&err, "pool \"%s\"", "storage");

	cr_expect_eq(r, -EINVAL);
	cr_expect_str_eq(err.details, "pool \"storage\": ipam.range: "
				      "prefix /33 is not valid for IPv4");
}

Test(error, long_text_is_cut_and_terminated)
{
	char text[2000];
	struct error err = { 0 };

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&err, ERROR_IO, EIO, "%s", text);
	error_context(&err, "%s", text);

	cr_expect_eq(strlen(err.details), sizeof(err.details) - 1);
}

Test(error, best_effort_keeps_the_first)
{
	struct error first = { 0 };
	struct error next = { 0 };

	error_keep_first(&first, &next);
	cr_expect_not(error_is_set(&first));

	error_set(&next, ERROR_IO, ENOSPC, "one");
	error_keep_first(&first, &next);
	error_set(&next, ERROR_LINK, 0, "two");
	error_keep_first(&first, &next);

	cr_expect_eq(first.code, ERROR_IO);
	cr_expect_not(error_is_set(&next));
}

static int undo_note(void *step, struct error *err)
{
	char *name = step;
	static char order[8];

	strncat(order, name, sizeof(order) - strlen(order) - 1);
	if (strcmp(name, "a") == 0)
		cr_expect_str_eq(order, "cba");
	return strcmp(name, "b") == 0
		       ? error_set(err, ERROR_INTERNAL, 0, "b fails")
		       : 0;
}

Test(undo, runs_last_first_and_goes_on_after_a_failure)
{
	cleanup_undo struct undo undo = { 0 };
	char a[] = "a", b[] = "b", c[] = "c";

	undo_push(&undo, undo_note, a);
	undo_push(&undo, undo_note, b);
	undo_push(&undo, undo_note, c);
	undo_run(&undo);
	cr_expect_eq(undo.count, 0);
}

static int undo_never(void *step, struct error *err)
{
	(void)step;
	(void)err;
	cr_assert_fail("committed steps must stay");
	return 0;
}

Test(undo, commit_forgets)
{
	cleanup_undo struct undo undo = { 0 };

	undo_push(&undo, undo_never, NULL);
	undo_commit(&undo);
}

Test(error, the_words_of_another_plugin_stay_as_they_are)
{
	struct error err = { 0 };
	char words[2000];

	cr_expect_lt(error_foreign(&err, 42, "no luck", "here"), 0);
	error_context(&err, "attach");
	error_class(&err, ERROR_NOT_AVAILABLE);
	cr_expect_eq(err.code, 42);
	cr_expect_str_eq(err.msg, "no luck");
	cr_expect_str_eq(err.details, "here");

	error_set(&err, ERROR_IO, 0, "ours");
	error_context(&err, "attach");
	cr_expect_str_eq(err.details, "attach: ours");

	memset(words, 'x', sizeof(words));
	words[sizeof(words) - 1] = '\0';
	error_foreign(&err, 42, words, words);
	cr_expect_eq(strlen(err.msg), sizeof(err.msg) - 1);
	cr_expect_eq(strlen(err.details), sizeof(err.details) - 1);
}

Test(error, collected_ones_are_reported_together)
{
	struct error all = { 0 };
	struct error next = { 0 };

	error_collect(&all, &next);
	cr_expect_not(error_is_set(&all));
	error_set(&next, ERROR_STORE, 0, "one");
	error_collect(&all, &next);
	error_set(&next, ERROR_IO, 0, "two");
	error_collect(&all, &next);
	cr_expect_not(error_is_set(&next));
	cr_expect_eq(all.code, ERROR_STORE);
	cr_expect_str_eq(all.details, "one; two");
	for (int i = 0; i < 1000; i++) {
		error_set(&next, ERROR_IO, 0, "more");
		error_collect(&all, &next);
	}
	cr_expect_lt(strlen(all.details), sizeof(all.details));
}
