#include "plugin/version.h"

#include <criterion/criterion.h>
#include <string.h>

Test(version, every_version_that_we_list_is_read_back)
{
	for (unsigned int i = 0; i < VERSION_COUNT; i++) {
		enum version version = VERSION_COUNT;
		struct error err = { 0 };
		const char *text = version_text((enum version)i);

		cr_expect_eq(version_parse(text, &version, &err), 0);
		cr_expect_eq(version, i, "%s", text);
		cr_expect_not_null(strstr(VERSION_LIST, text), "%s", text);
	}
}

Test(version, absent_and_empty_mean_the_first, .description = "SK-11")
{
	static const char *const texts[] = { NULL, "" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		enum version version = VERSION_COUNT;
		struct error err = { 0 };

		cr_expect_eq(version_parse(texts[i], &version, &err), 0);
		cr_expect_eq(version, VERSION_0_1_0);
	}
}

Test(version, spelled_otherwise_is_another_version, .description = "TY-9")
{
	static const char *const texts[] = { "1",     "1.0",           "0.3",
					     "1.2.0", "0.4.1",         "01.0.0",
					     "2.0.0", "9999999999.0.0" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		enum version version;
		struct error err = { 0 };

		cr_expect_lt(version_parse(texts[i], &version, &err), 0);
		cr_expect_eq(err.code, ERROR_VERSION, "%s", texts[i]);
		cr_expect_not_null(strstr(err.details, texts[i]));
		cr_expect_not_null(strstr(err.details, VERSION_LIST));
	}
}

Test(version, what_is_no_version_fails_to_decode, .description = "TY-9")
{
	static const char *const texts[] = { "foo",     "1.",      ".1",
					     "1..0",    "1.0.0.0", "v1.0.0",
					     "1.0.0 ",  " 1.0.0",  "-1.0.0",
					     "1.0.0-rc" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		enum version version;
		struct error err = { 0 };

		cr_expect_lt(version_parse(texts[i], &version, &err), 0);
		cr_expect_eq(err.code, ERROR_DECODE, "%s", texts[i]);
		cr_expect_not_null(strstr(err.details, texts[i]));
	}
}
