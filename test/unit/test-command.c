#include "plugin/command.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(command, an_error_of_del_has_no_phrase_that_runtimes_swallow)
{
	static const struct {
		const char *before;
		const char *after;
	} cases[] = {
		{ "all is well", "all is well" },
		{ "table p: not found", "table p: missing" },
		{ "Not Found: not found", "missing: missing" },
		{ "open /x: No such file or directory",
		  "open /x: does not exist" },
		{ "no such file or directory", "does not exist" },
		{ "not not foundfound", "not missingfound" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };

		error_set(&err, ERROR_IO, 0, "%s", cases[i].before);
		strcpy(err.msg, cases[i].before);
		command_rephrase_del(&err);
		cr_expect_str_eq(err.details, cases[i].after);
		cr_expect_str_eq(err.msg, cases[i].after);
		cr_expect_eq(err.code, ERROR_IO);
	}
}

Test(command, the_kernels_words_for_enoent_are_rephrased)
{
	struct error err = { 0 };

	error_set(&err, ERROR_IO, ENOENT, "open /run/hostshim");
	error_context(&err, "detach net1");
	command_rephrase_del(&err);
	cr_expect_str_eq(err.details,
			 "detach net1: open /run/hostshim: does not exist");
	cr_expect_eq(err.sys, ENOENT);
}

Test(command, a_full_text_is_rephrased_within_its_bounds)
{
	struct error err = { 0 };
	size_t len = sizeof(err.details) - 1;

	for (size_t i = 0; i + 9 <= len; i += 9)
		memcpy(err.details + i, "not found", 9);
	command_rephrase_del(&err);
	cr_expect_null(strstr(err.details, "not found"));
	cr_expect_eq(strlen(err.details), len / 9 * 7);
}
