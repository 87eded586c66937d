#include "plugin/request.h"

#include "lib/file.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define EMPTY_CONFIG "{}"

static const char *const variables[] = {
	"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS",
	"CNI_IFNAME",  "CNI_ARGS",        "CNI_PATH",
};

/* The tests' stdin: a pipe that holds @text and has ended. */
static void give_stdin(const char *text)
{
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(write(fds[1], text, strlen(text)), (ssize_t)strlen(text));
	close(fds[1]);
	cr_assert_eq(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	close(fds[0]);
}

static void give_environment(const char *command)
{
	unsetenv("CNI_NETNS_OVERRIDE");
	setenv("CNI_COMMAND", command, 1);
	setenv("CNI_CONTAINERID", "abc-1", 1);
	setenv("CNI_NETNS", "/var/run/netns/abc", 1);
	setenv("CNI_IFNAME", "net1", 1);
	setenv("CNI_ARGS", "", 1);
	setenv("CNI_PATH", "/opt/cni/bin", 1);
	give_stdin(EMPTY_CONFIG);
}

static void setup(void)
{
	give_environment("ADD");
}

TestSuite(request, .init = setup);

Test(request, holds_what_the_runtime_said)
{
	cleanup_request struct request request = { 0 };
	struct error err = { 0 };
	uint64_t now = file_boottime_ms();

	setenv("CNI_NETNS_OVERRIDE", "True", 1);
	cr_assert_eq(request_read(&request, &err), 0, "%s", err.details);
	cr_expect_eq(request.verb, REQUEST_ADD);
	cr_expect_str_eq(request.container_id, "abc-1");
	cr_expect_str_eq(request.netns, "/var/run/netns/abc");
	cr_expect_str_eq(request.ifname, "net1");
	cr_expect_str_eq(request.path, "/opt/cni/bin");
	cr_expect(request.netns_override);
	cr_expect_str_eq(request.config, EMPTY_CONFIG);
	cr_expect_eq(request.config_len, strlen(EMPTY_CONFIG));
	cr_expect_geq(request.deadline_ms, now + 20000);
	cr_expect_leq(request.deadline_ms, file_boottime_ms() + 20000);
}

Test(request, without_a_command_nothing_is_asked_of_the_rest)
{
	static const char *const blank[] = { NULL, "" };

	for (size_t i = 0; i < ARRAY_SIZE(blank); i++) {
		cleanup_request struct request request = { 0 };
		struct error err = { 0 };

		for (size_t v = 0; v < ARRAY_SIZE(variables); v++)
			unsetenv(variables[v]);
		if (blank[i])
			setenv("CNI_COMMAND", blank[i], 1);
		cr_expect_eq(request_read(&request, &err), 0);
		cr_expect_eq(request.verb, REQUEST_NONE);
		cr_expect_null(request.config);
	}
}

Test(request, verbs_are_spelled_in_upper_case)
{
	static const char *const bad[] = { "add", "Add", "NOPE", " ADD",
					   "ADD " };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cleanup_request struct request request = { 0 };
		struct error err = { 0 };

		setenv("CNI_COMMAND", bad[i], 1);
		cr_expect_lt(request_read(&request, &err), 0);
		cr_expect_eq(err.code, ERROR_ENVIRONMENT, "%s", bad[i]);
		cr_expect_not_null(strstr(err.details, "CNI_COMMAND"));
	}
}

/* Rows: verb. Columns: CONTAINERID, NETNS, IFNAME, ARGS, PATH. */
Test(request, each_verb_requires_its_own_variables)
{
	static const struct {
		const char *verb;
		bool required[5];
	} matrix[] = {
		{ "ADD", { true, true, true, false, false } },
		{ "DEL", { true, false, true, false, false } },
		{ "CHECK", { true, true, true, false, false } },
		{ "GC", { false, false, false, false, false } },
		{ "STATUS", { false, false, false, false, false } },
		{ "VERSION", { false, false, false, false, false } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(matrix); i++) {
		for (size_t v = 1; v < ARRAY_SIZE(variables); v++) {
			cleanup_request struct request request = { 0 };
			struct error err = { 0 };
			int r;

			give_environment(matrix[i].verb);
			if (v % 2)
				unsetenv(variables[v]);
			else
				setenv(variables[v], "", 1);
			r = request_read(&request, &err);
			if (!matrix[i].required[v - 1]) {
				cr_expect_eq(r, 0, "%s without %s: %s",
					     matrix[i].verb, variables[v],
					     err.details);
				continue;
			}
			cr_expect_lt(r, 0);
			cr_expect_eq(err.code, ERROR_ENVIRONMENT);
			cr_expect_not_null(strstr(err.details, variables[v]),
					   "%s without %s: %s", matrix[i].verb,
					   variables[v], err.details);
		}
	}
}

Test(request, all_that_is_missing_is_told_in_order)
{
	cleanup_request struct request request = { 0 };
	struct error err = { 0 };

	unsetenv("CNI_IFNAME");
	setenv("CNI_NETNS", "", 1);
	unsetenv("CNI_CONTAINERID");
	cr_expect_lt(request_read(&request, &err), 0);
	cr_expect_eq(err.code, ERROR_ENVIRONMENT);
	cr_expect_not_null(strstr(err.details,
				  "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME"),
			   "%s", err.details);
}

Test(request, a_malformed_value_is_told_before_a_missing_one)
{
	cleanup_request struct request request = { 0 };
	struct error err = { 0 };

	unsetenv("CNI_CONTAINERID");
	setenv("CNI_IFNAME", "a/b", 1);
	cr_expect_lt(request_read(&request, &err), 0);
	cr_expect_not_null(strstr(err.details, "a/b"));
	cr_expect_null(strstr(err.details, "CNI_CONTAINERID"));
}

Test(request, malformed_values_are_refused_where_they_are_used)
{
	static const struct {
		const char *variable;
		const char *value;
	} cases[] = {
		{ "CNI_CONTAINERID", "some-%%container-id" },
		{ "CNI_CONTAINERID", "../../etc" },
		{ "CNI_CONTAINERID", "-rf" },
		{ "CNI_CONTAINERID", "a b" },
		{ "CNI_CONTAINERID", "a/b" },
		{ "CNI_CONTAINERID", "\xc3\xa4" },
		{ "CNI_NETNS", "run/netns/abc" },
		{ "CNI_NETNS", "../abc" },
		{ "CNI_IFNAME", "1234567890123456" },
		{ "CNI_IFNAME", "." },
		{ "CNI_IFNAME", ".." },
		{ "CNI_IFNAME", "te/st" },
		{ "CNI_IFNAME", "te:st" },
		{ "CNI_IFNAME", "te st" },
		{ "CNI_IFNAME", "te\tst" },
		{ "CNI_IFNAME", "te\nst" },
		{ "CNI_IFNAME", "eth%d" },
		{ "CNI_IFNAME", "te\x01st" },
		{ "CNI_IFNAME", "te\xc2\xa0st" },
		{ "CNI_ARGS", "IP=banana" },
		{ "CNI_ARGS", "IP=10.1.2.3,10.1.2" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_request struct request request = { 0 };
		cleanup_request struct request unused = { 0 };
		struct error err = { 0 };

		give_environment("ADD");
		setenv(cases[i].variable, cases[i].value, 1);
		cr_expect_lt(request_read(&request, &err), 0, "%s=%s",
			     cases[i].variable, cases[i].value);
		cr_expect_eq(err.code, ERROR_ENVIRONMENT);
		cr_expect_not_null(strstr(err.details, cases[i].variable), "%s",
				   err.details);

		setenv("CNI_COMMAND", "GC", 1);
		cr_expect_eq(request_read(&unused, &err), 0, "GC, %s=%s",
			     cases[i].variable, cases[i].value);
	}
}

Test(request, names_of_legal_length_and_spelling_are_taken)
{
	static const char *const ifnames[] = { "a", "123456789012345",
					       "eth0.100", "...", "vlan@x" };
	static const char *const ids[] = {
		"a",
		"0",
		"a..b",
		"A_b-c.d",
		("0123456789abcdef0123456789abcdef"
		 "0123456789abcdef0123456789abcdef"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(ifnames); i++)
		cr_expect(request_ifname_is_valid(ifnames[i]), "%s",
			  ifnames[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		cr_expect(request_id_is_valid(ids[i]), "%s", ids[i]);
}

Test(request, arguments_are_read_from_several_hands, .description = "TY-7 CF-2")
{
	static const char args[] =
		";IgnoreUnknown=true;K8S_POD_NAME=first;K8S_POD_UID=;nonsense;"
		"K8S_POD_NAMESPACE=blue;K8S_POD_INFRA_CONTAINER_ID=;"
		"IgnoreUnknown=1;K8S_POD_NAME=a=b;MAC=c2:11:22:33:44:55;"
		"IP=10.1.2.3/24,fd00::1, 10.1.2.3;mac=lower;";
	cleanup_request struct request request = { 0 };
	struct error err = { 0 };
	char text[INET_ADDR_TEXT];

	setenv("CNI_ARGS", args, 1);
	cr_assert_eq(request_read(&request, &err), 0, "%s", err.details);
	cr_expect_str_eq(request.args.pod_name, "a=b");
	cr_expect_str_eq(request.args.pod_namespace, "blue");
	cr_expect_str_eq(request.args.pod_uid, "");
	cr_expect_str_eq(request.args.mac, "c2:11:22:33:44:55");
	cr_assert_eq(request.args.n_ips, 2);
	cr_expect_str_eq(inet_addr_format(&request.args.ips[0], text),
			 "10.1.2.3");
	cr_expect_str_eq(inet_addr_format(&request.args.ips[1], text),
			 "fd00::1");
}

Test(request, requested_addresses_are_of_add_alone)
{
	static const char *const verbs[] = { "DEL", "CHECK" };

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		cleanup_request struct request request = { 0 };
		struct error err = { 0 };

		give_environment(verbs[i]);
		setenv("CNI_ARGS", "IP=banana", 1);
		cr_expect_eq(request_read(&request, &err), 0, "%s", verbs[i]);
		cr_expect_eq(request.args.n_ips, 0);
	}
}

Test(request, version_reads_no_byte_of_stdin)
{
	cleanup_request struct request request = { 0 };
	struct error err = { 0 };
	int fds[2];
	char byte = 0;

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(write(fds[1], "x", 1), 1);
	cr_assert_eq(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	setenv("CNI_COMMAND", "VERSION", 1);
	cr_expect_eq(request_read(&request, &err), 0);
	cr_expect_null(request.config);
	cr_expect_eq(read(STDIN_FILENO, &byte, 1), 1);
	cr_expect_eq(byte, 'x');
}

Test(request, stdin_that_cannot_be_read_is_an_io_error)
{
	for (int directory = 0; directory < 2; directory++) {
		cleanup_request struct request request = { 0 };
		struct error err = { 0 };

		close(STDIN_FILENO);
		if (directory)
			cr_assert_eq(open("/", O_RDONLY), STDIN_FILENO);
		cr_expect_lt(request_read(&request, &err), 0);
		cr_expect_eq(err.code, ERROR_IO, "%s", err.details);
		cr_expect_not_null(strstr(err.details, "stdin"));
	}
}

Test(request, stdin_has_an_upper_bound)
{
	cleanup_request struct request request = { 0 };
	cleanup_request struct request more = { 0 };
	cleanup_close int fd = -1;
	struct error err = { 0 };

	fd = memfd_create("config", 0);
	cr_assert_eq(ftruncate(fd, REQUEST_STDIN_MAX), 0);
	cr_assert_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	cr_expect_eq(request_read(&request, &err), 0);
	cr_expect_eq(request.config_len, REQUEST_STDIN_MAX);

	cr_assert_eq(ftruncate(fd, REQUEST_STDIN_MAX + 1), 0);
	lseek(STDIN_FILENO, 0, SEEK_SET);
	cr_expect_lt(request_read(&more, &err), 0);
	cr_expect_eq(err.code, ERROR_IO);
}

Test(request, stdin_that_never_ends_is_given_up_at_the_deadline)
{
	cleanup_request struct request request = { 0 };
	struct error err = { 0 };
	uint64_t start = file_boottime_ms();
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	setenv("CNI_COMMAND", "STATUS", 1);
	cr_expect_lt(request_read(&request, &err), 0);
	cr_expect_eq(err.code, ERROR_IO);
	cr_expect_leq(file_boottime_ms() - start, 15000);
}
