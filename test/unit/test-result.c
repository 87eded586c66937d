#include "plugin/result.h"

#include "lib/file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix prefix = { 0 };

	cr_assert(inet_prefix_parse(text, &prefix), "%s", text);
	return prefix;
}

static struct inet_addr addr(const char *text)
{
	struct inet_addr addr = { 0 };

	cr_assert(inet_addr_parse(text, &addr), "%s", text);
	return addr;
}

/* test/data/result/WHAT-VERSION.json; the caller's to free. */
static char *golden(const char *what, enum version version)
{
	const char *source = getenv("HOSTSHIM_SOURCE");
	struct error err = { 0 };
	char path[512];
	char *text;
	int r;

	cr_assert_not_null(source, "HOSTSHIM_SOURCE is not set");
	snprintf(path, sizeof(path), "%s/test/data/result/%s-%s.json", source,
		 what, version_text(version));
	r = file_read(path, 65536, &text, NULL, &err);
	cr_assert_eq(r, 0, "%s: %s", path, err.details);
	return text;
}

static char name[] = "net1";
static char mac[] = "00:11:22:33:44:55";
static char sandbox[] = "/proc/3553/ns/net";
static char socket_path[] = "/path/to/socket";
static char pci_id[] = "0000:8b:00.1";
static char shim[] = "hs-vxlan";
static char ns1[] = "1.2.3.4", ns2[] = "1::cafe";
static char *nameservers[] = { ns1, ns2 };
static char domain[] = "acompany.com";
static char search1[] = "somedomain.com", search2[] = "otherdomain.net";
static char *search[] = { search1, search2 };
static char foo[] = "foo", bar[] = "bar";
static char *options[] = { foo, bar };

/* Every member that any version knows. */
static struct result full(void)
{
	static struct result_interface interfaces[2];
	static struct result_ip ips[3];
	static struct inet_route routes[4];

	interfaces[0] = (struct result_interface){
		.name = name,
		.mac = mac,
		.sandbox = sandbox,
		.mtu = 8950,
		.socket_path = socket_path,
		.pci_id = pci_id,
	};
	interfaces[1] = (struct result_interface){ 0 };
	interfaces[1].name = shim;
	ips[0] = (struct result_ip){ prefix("10.1.2.3/24"), addr("10.1.2.1"),
				     0 };
	ips[1] = (struct result_ip){ prefix("abcd:1234:ffff::cdde/64"),
				     addr("abcd:1234:ffff::1"), 0 };
	ips[2] = (struct result_ip){ .address = prefix("10.1.3.3/32"),
				     .interface = -1 };
	routes[0] = (struct inet_route){ .dst = prefix("0.0.0.0/0"),
					 .gw = addr("10.1.2.1") };
	routes[1] = (struct inet_route){
		.dst = prefix("15.5.6.0/24"),
		.gw = addr("10.1.2.200"),
		.mtu = 1500,
		.advmss = 1400,
		.priority = 10,
		.has_table = true,
		.has_scope = true,
	};
	routes[2] = (struct inet_route){
		.dst = prefix("1111:dddd::/80"),
		.gw = addr("1111:dddd::aaaa"),
		.has_table = true,
		.table = 5000,
	};
	routes[3] = (struct inet_route){ .dst = prefix("192.168.0.0/16"),
					 .has_scope = true,
					 .scope = 253 };
	return (struct result){
		.interfaces = interfaces,
		.n_interfaces = 2,
		.ips = ips,
		.n_ips = 3,
		.routes = routes,
		.n_routes = 4,
		.dns = { nameservers, 2, domain, search, 2, options, 2 },
	};
}

static void expect_golden(const struct result *result, const char *what,
			  enum version version)
{
	cleanup_free char *want = golden(what, version);
	cleanup_free char *got = NULL;
	struct error err = { 0 };
	size_t len = 0;

	cr_assert_eq(result_format(result, version, &got, &len, &err), 0, "%s",
		     err.details);
	cr_expect_str_eq(got, want, "%s %s", what, version_text(version));
	cr_expect_eq(len, strlen(got));
}

Test(result, has_the_shape_of_each_version, .description = "TY-1 TY-3")
{
	const struct result result = full();

	for (unsigned int v = 0; v < VERSION_COUNT; v++)
		expect_golden(&result, "full", (enum version)v);
}

Test(result, has_no_member_without_a_value, .description = "TY-2")
{
	struct result_ip ip = { .address = prefix("10.1.2.3/24"),
				.interface = -1 };
	const struct result result = { .ips = &ip, .n_ips = 1 };

	for (unsigned int v = 0; v < VERSION_COUNT; v++)
		expect_golden(&result, "plain", (enum version)v);
}

Test(result, without_an_address_exists_from_0_3_0_on, .description = "TY-4")
{
	const struct result result = { 0 };

	for (unsigned int v = 0; v < VERSION_COUNT; v++) {
		struct error err = { 0 };
		char *text;
		size_t len;

		if (v >= VERSION_0_3_0) {
			expect_golden(&result, "empty", (enum version)v);
			continue;
		}
		cr_expect_lt(result_format(&result, (enum version)v, &text,
					   &len, &err),
			     0);
		cr_expect_eq(err.code, ERROR_VERSION);
	}
}

Test(result, what_a_version_cannot_say_is_known_before, .description = "TY-4")
{
	static const struct {
		enum version version;
		size_t n_ipv4, n_ipv6;
		bool possible;
	} cases[] = {
		{ VERSION_0_1_0, 0, 0, false }, { VERSION_0_2_0, 0, 0, false },
		{ VERSION_0_2_0, 1, 0, true },  { VERSION_0_2_0, 0, 1, true },
		{ VERSION_0_2_0, 1, 1, true },  { VERSION_0_2_0, 2, 0, false },
		{ VERSION_0_1_0, 1, 2, false }, { VERSION_0_3_0, 0, 0, true },
		{ VERSION_0_3_0, 3, 3, true },  { VERSION_1_1_0, 0, 0, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		int r;

		r = result_check_version(cases[i].version, cases[i].n_ipv4,
					 cases[i].n_ipv6, &err);
		cr_expect_eq(r == 0, cases[i].possible, "case %zu", i);
		if (r < 0)
			cr_expect_eq(err.code, ERROR_VERSION);
	}
}

static int read_text(const char *text, enum version version, struct result *ret,
		     struct error *err)
{
	cleanup_json struct json *json = NULL;
	struct json_at root;

	cr_assert_eq(json_parse(text, strlen(text), &json, err), 0, "%s", text);
	root = json_root(json);
	return result_read(&root, version, ret, err);
}

Test(result, is_read_as_it_was_written, .description = "TY-1 TY-4")
{
	static const char *const names[] = { "full", "plain", "empty" };

	for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
		for (unsigned int v = 0; v < VERSION_COUNT; v++) {
			cleanup_result struct result result = { 0 };
			cleanup_free char *text = NULL;
			struct error err = { 0 };

			if (v < VERSION_0_3_0 && strcmp(names[n], "empty") == 0)
				continue;
			text = golden(names[n], (enum version)v);
			cr_assert_eq(read_text(text, (enum version)v, &result,
					       &err),
				     0, "%s", err.details);
			expect_golden(&result, names[n], (enum version)v);
		}
	}
}

Test(result, read_keeps_host_bits_and_knows_an_absent_index,
     .description = "TY-2 TY-5")
{
	static const char text[] =
		"{\"ips\":[{\"address\":\"10.1.2.3/24\",\"gateway\":\"\","
		"\"interface\":null},{\"Address\":\"fd00::1/64\","
		"\"interface\":0}],\"routes\":null,\"unknown\":1}";
	cleanup_result struct result result = { 0 };
	char buf[INET_PREFIX_TEXT];
	struct error err = { 0 };

	cr_assert_eq(read_text(text, VERSION_1_0_0, &result, &err), 0, "%s",
		     err.details);
	cr_assert_eq(result.n_ips, 2);
	cr_expect_str_eq(inet_prefix_format(&result.ips[0].address, buf),
			 "10.1.2.3/24");
	cr_expect_eq(result.ips[0].gateway.family, 0);
	cr_expect_eq(result.ips[0].interface, -1);
	cr_expect_eq(result.ips[1].interface, 0);
}

Test(result, what_cannot_be_read_is_named, .description = "TY-5 CI-5")
{
	static const struct {
		enum version version;
		const char *text;
		const char *place;
	} cases[] = {
		{ VERSION_1_1_0, "{\"cniVersion\":\"1.0.0\"}", "cniVersion" },
		{ VERSION_1_1_0, "{\"cniVersion\":\"9.9\"}", "cniVersion" },
		{ VERSION_1_1_0, "{\"cniVersion\":1}", "cniVersion" },
		{ VERSION_1_1_0, "{\"ips\":{}}", "ips" },
		{ VERSION_1_1_0, "{\"ips\":[{}]}", "ips[0].address" },
		{ VERSION_1_1_0, "{\"ips\":[{\"address\":\"10.1.2.3\"}]}",
		  "ips[0].address" },
		{ VERSION_0_4_0, "{\"ips\":[{\"address\":\"10.1.2.3/33\"}]}",
		  "ips[0].address" },
		{ VERSION_1_1_0,
		  "{\"ips\":[{\"address\":\"10.1.2.3/8\",\"interface\":-1}]}",
		  "ips[0].interface" },
		{ VERSION_1_1_0,
		  "{\"ips\":[{\"address\":\"10.1.2.3/8\",\"gateway\":\"x\"}]}",
		  "ips[0].gateway" },
		{ VERSION_1_1_0, "{\"routes\":[{\"gw\":\"10.1.2.3\"}]}",
		  "routes[0].dst" },
		{ VERSION_1_1_0, "{\"routes\":[{\"dst\":\"10.1.2.3\"}]}",
		  "routes[0].dst" },
		{ VERSION_1_1_0, "{\"interfaces\":[{\"mtu\":\"1500\"}]}",
		  "interfaces[0].mtu" },
		{ VERSION_1_1_0, "{\"dns\":[]}", "dns" },
		{ VERSION_0_2_0, "{\"ip4\":{}}", "ip4.ip" },
		{ VERSION_0_2_0,
		  "{\"ip6\":{\"ip\":\"fd00::1/64\",\"routes\":[{}]}}",
		  "ip6.routes[0].dst" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_result struct result result = { 0 };
		struct error err = { 0 };

		cr_expect_lt(read_text(cases[i].text, cases[i].version, &result,
				       &err),
			     0, "%s", cases[i].text);
		cr_expect_eq(err.code, ERROR_CONFIG, "%s", cases[i].text);
		cr_expect_not_null(strstr(err.details, cases[i].place),
				   "%s: %s", cases[i].text, err.details);
	}
}

Test(result, an_error_has_details_or_not, .description = "TY-6")
{
	char text[RESULT_ERROR_TEXT];
	struct error err = { 0 };
	size_t len;

	error_set(&err, ERROR_ENVIRONMENT, 0, "CNI_IFNAME: \"a/b\"");
	len = result_format_error(&err, VERSION_0_4_0, text);
	cr_expect_str_eq(text, "{\"cniVersion\":\"0.4.0\",\"code\":4,"
			       "\"msg\":\"invalid environment variables\","
			       "\"details\":\"CNI_IFNAME: \\\"a/b\\\"\"}\n");
	cr_expect_eq(len, strlen(text));

	err.details[0] = '\0';
	result_format_error(&err, VERSION_1_1_0, text);
	cr_expect_str_eq(text, "{\"cniVersion\":\"1.1.0\",\"code\":4,"
			       "\"msg\":\"invalid environment variables\"}\n");
}

Test(result, an_error_is_one_document_whatever_is_in_it)
{
	static const char bytes[] = { '\x01', '\xff', '"', '\\', '\n', 'x' };

	for (size_t i = 0; i < sizeof(bytes); i++) {
		cleanup_json struct json *json = NULL;
		char text[RESULT_ERROR_TEXT];
		struct error err = { .code = ERROR_INTERNAL };
		struct error parse_err = { 0 };
		struct json_at root, code;
		uint64_t value = 0;
		size_t len;

		memset(err.msg, bytes[i], sizeof(err.msg) - 1);
		memset(err.details, bytes[i], sizeof(err.details) - 1);
		len = result_format_error(&err, VERSION_1_1_0, text);
		cr_assert_gt(len, 0);
		cr_assert_eq(json_parse(text, len, &json, &parse_err), 0, "%s",
			     parse_err.details);
		root = json_root(json);
		cr_assert(json_member(&root, "code", &code));
		cr_expect(json_u64(&code, &value));
		cr_expect_eq(value, ERROR_INTERNAL);
	}
}
