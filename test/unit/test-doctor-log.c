#include "plugin/ctl/doctor-log.h"

#include <criterion/criterion.h>

/* What doctor --log makes of a line. */

static const struct {
	const char *line;
	const char *addr;
	enum doctor_log_reason reason;
	const char *words;
} lines[] = {
	{ "iscsiadm: cannot make connection to 10.100.1.17: Host is "
	  "unreachable\n",
	  "10.100.1.17", DOCTOR_LOG_UNREACHABLE, "Host is unreachable" },
	{ "iscsiadm: cannot make connection to 10.100.1.17: No route to host",
	  "10.100.1.17", DOCTOR_LOG_UNREACHABLE, "No route to host" },
	{ "iscsiadm: cannot make connection to fd10::16: Network is "
	  "unreachable",
	  "fd10::16", DOCTOR_LOG_NO_ROUTE, "Network is unreachable" },
	{ "iscsiadm: cannot make connection to 10.1.2.3: Connection refused",
	  "10.1.2.3", DOCTOR_LOG_REFUSED, "Connection refused" },
	{ "iscsiadm: cannot make connection to 10.1.2.3: Operation timed out",
	  "10.1.2.3", DOCTOR_LOG_TIMEOUT, "Operation timed out" },
	{ "iscsid: connect to 10.1.2.3:3260 failed (Connection refused)\n",
	  "10.1.2.3", DOCTOR_LOG_REFUSED, "Connection refused" },
	{ "iscsid: connect to [fd10::16]:3260 failed (No route to host)",
	  "fd10::16", DOCTOR_LOG_UNREACHABLE, "No route to host" },
	{ "time=\"2026-04-19\" level=error msg=\"nsenter failed: iscsiadm: "
	  "cannot make connection to 10.1.2.3: Bad file descriptor\\n\"",
	  "10.1.2.3", DOCTOR_LOG_OTHER, "Bad file descriptor" },
};

Test(doctor_log, address_and_reason_are_read_from_each_form)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct doctor_log log = { 0 };
		struct error err = { 0 };
		char addr[INET_ADDR_TEXT];

		cr_expect_eq(doctor_log_take(&log, lines[i].line, &err), 0);
		cr_assert_eq(log.count, 1, "%s", lines[i].line);
		inet_addr_format(&log.items[0].addr, addr);
		cr_expect_str_eq(addr, lines[i].addr);
		cr_expect_eq(log.items[0].reason, lines[i].reason, "%s",
			     lines[i].line);
		cr_expect_str_eq(log.items[0].words, lines[i].words);
		doctor_log_clear(&log);
	}
}

static const char *const nothing[] = {
	"",
	"\n",
	"iscsiadm: cannot make connection to ",
	"iscsiadm: cannot make connection to : ",
	"iscsiadm: cannot make connection to host.example: timed out",
	"iscsiadm: cannot make connection to 10.1.2.3",
	"connect to 10.1.2.3:3260 succeeded (at last)",
	"connect to [ failed (x)",
	"cannot make connection to "
	"1111111111111111111111111111111111111111111111111111111111111111111: "
	"timed out",
};

Test(doctor_log, other_lines_say_nothing)
{
	struct doctor_log log = { 0 };
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
		cr_expect_eq(doctor_log_take(&log, nothing[i], &err), 0);
	cr_expect_eq(log.count, 0);
	doctor_log_clear(&log);
}

Test(doctor_log, the_same_complaint_is_counted)
{
	struct doctor_log log = { 0 };
	struct error err = { 0 };
	const char *twice = "cannot make connection to 10.1.2.3: timed out\\n"
			    "cannot make connection to 10.1.2.3: timed out\\n";

	doctor_log_take(&log, twice, &err);
	doctor_log_take(&log, twice, &err);
	doctor_log_take(&log, "connect to 10.1.2.3:3260 failed (No route)",
			&err);
	cr_assert_eq(log.count, 2);
	cr_expect_eq(log.items[0].count, 4);
	cr_expect_eq(log.items[1].count, 1);
	doctor_log_clear(&log);
}
