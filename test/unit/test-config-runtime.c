#include "test/unit/read-config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(config, the_runtimes_mac_beats_the_arguments_beats_the_keys)
{
	static const struct {
		const char *keys;
		const char *args;
		const char *mac; /* NULL: none */
	} cases[] = {
		{ "", NULL, NULL },
		{ "\"mac\":\"02:00:00:00:00:01\"", NULL, "02:00:00:00:00:01" },
		{ "\"mac\":\"02:00:00:00:00:01\"", "", "02:00:00:00:00:01" },
		{ "\"mac\":\"02:00:00:00:00:01\"", "02:00:00:00:00:02",
		  "02:00:00:00:00:02" },
		{ "\"mac\":\"banana\"", "02:00:00:00:00:02",
		  "02:00:00:00:00:02" },
		{ "\"RuntimeConfig\":{\"mac\":\"02:00:00:00:00:03\"},"
		  "\"mac\":\"02:00:00:00:00:01\"",
		  "banana", "02:00:00:00:00:03" },
		{ "\"runtimeConfig\":{\"mac\":\"\"}", "02:00:00:00:00:02",
		  "02:00:00:00:00:02" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };
		char mac[INET_MAC_TEXT];

		cr_assert_eq(read_config_with(cases[i].keys, REQUEST_ADD,
					      cases[i].args, NULL, &config,
					      &err),
			     0, "case %zu: %s", i, err.details);
		cr_expect_eq(config.has_mac, cases[i].mac != NULL);
		if (cases[i].mac)
			cr_expect_str_eq(inet_mac_format(&config.mac, mac),
					 cases[i].mac);
	}
}

Test(config, a_bad_mac_in_the_arguments_is_the_environments)
{
	cleanup_config struct config config = { 0 };
	struct error err = { 0 };

	cr_expect_lt(read_config_with("", REQUEST_ADD, "01:00:5e:00:00:01",
				      NULL, &config, &err),
		     0);
	cr_expect_eq(err.code, ERROR_ENVIRONMENT);
	cr_expect_not_null(strstr(err.details, "CNI_ARGS: MAC: \"01:00:5e"));
}

Test(config, requested_addresses_come_from_one_place, .description = "CF-2")
{
	static const struct {
		const char *keys;
		const char *args;
		size_t count;
		const char *first;
	} cases[] = {
		{ "", NULL, 0, "" },
		{ "", "10.0.0.3", 1, "10.0.0.3" },
		{ "\"args\":{\"cni\":{\"ips\":[\"10.0.0.2\"]}}", "10.0.0.3", 1,
		  "10.0.0.2" },
		{ "\"args\":{\"cni\":{\"ips\":[]}}", "10.0.0.3", 1,
		  "10.0.0.3" },
		{ "\"runtimeConfig\":{\"ips\":[\"10.0.0.1/24\",\"fd00::1\","
		  "\"10.0.0.1\"]},\"args\":{\"cni\":{\"ips\":[\"10.0.0.2\"]}}",
		  "10.0.0.3", 2, "10.0.0.1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };

		cr_assert_eq(read_config_with(cases[i].keys, REQUEST_ADD, NULL,
					      cases[i].args, &config, &err),
			     0, "case %zu: %s", i, err.details);
		cr_assert_eq(config.n_requested, cases[i].count, "case %zu", i);
		if (cases[i].count)
			expect_addr(&config.requested[0], cases[i].first);
	}
}

Test(config, the_runtimes_ranges_come_first, .description = "CF-1")
{
	cleanup_config struct config config = { 0 };
	struct error err = { 0 };

	cr_assert_eq(
		read_keys(
			IPAM("\"range\":\"10.1.0.0/24\"") ",\"runtimeConfig\":{\"ipRanges\":[[{"
							  "\"subnet\":\"10.2.0.0/24\"}]]}",
			&config, &err),
		0, "%s", err.details);
	cr_assert_eq(config.ipam.n_sets, 2);
	expect_addr(&config.ipam.sets[0].ranges[0].range.network.addr,
		    "10.2.0.0");
}

Test(config, the_runtimes_dns_is_taken_where_the_key_says_nothing)
{
	static const char runtime[] =
		"\"runtimeConfig\":{\"dns\":{\"servers\":[\"10.0.0.1\"],"
		"\"searches\":[\"a\",\"b\"],\"options\":[\"ndots:1\"]}}";
	cleanup_config struct config config = { 0 };
	cleanup_config struct config own = { 0 };
	struct error err = { 0 };
	char keys[512];

	cr_assert_eq(read_keys(runtime, &config, &err), 0, "%s", err.details);
	cr_assert_eq(config.dns.n_nameservers, 1);
	cr_expect_str_eq(config.dns.nameservers[0], "10.0.0.1");
	cr_assert_eq(config.dns.n_search, 2);
	cr_expect_str_eq(config.dns.search[1], "b");
	cr_expect_eq(config.dns.n_options, 1);

	snprintf(keys, sizeof(keys), "%s,\"dns\":{\"domain\":\"d\"}", runtime);
	cr_assert_eq(read_keys(keys, &own, &err), 0, "%s", err.details);
	cr_expect_eq(own.dns.n_nameservers, 0);
	cr_expect_str_eq(own.dns.domain, "d");
}

Test(config, the_previous_result_is_of_the_same_version, .description = "TY-8")
{
	cleanup_config struct config config = { 0 };
	cleanup_config struct config old = { 0 };
	cleanup_config struct config other = { 0 };
	struct error err = { 0 };

	cr_assert_eq(read_keys("\"prevResult\":{\"cniVersion\":\"1.1.0\","
			       "\"ips\":[{\"address\":\"10.1.2.3/24\"}]}",
			       &config, &err),
		     0, "%s", err.details);
	cr_expect(config.has_prev);
	cr_expect_eq(config.prev.n_ips, 1);

	cr_assert_eq(read_document("{\"name\":\"n\",\"cniVersion\":\"0.2.0\","
				   "\"prevResult\":{\"ip4\":{\"ip\":"
				   "\"10.1.2.3/24\"}}}",
				   REQUEST_ADD, &old, &err),
		     0, "%s", err.details);
	cr_expect_eq(old.prev.n_ips, 1);

	cr_expect_lt(read_keys("\"prevResult\":{\"cniVersion\":\"1.0.0\"}",
			       &other, &err),
		     0);
	cr_expect_eq(err.code, ERROR_CONFIG);
	cr_expect_not_null(strstr(err.details, "prevResult.cniVersion"), "%s",
			   err.details);
}

Test(config, valid_attachments_absent_null_and_listed_differ)
{
	static const struct {
		const char *keys;
		bool has;
		size_t count;
	} cases[] = {
		{ "", false, 0 },
		{ "\"cni.dev/valid-attachments\":null", true, 0 },
		{ "\"cni.dev/valid-attachments\":[]", true, 0 },
		{ "\"cni.dev/attachments\":null", true, 0 },
		{ "\"cni.dev/valid-attachments\":[{\"containerID\":\"a\","
		  "\"ifname\":\"net1\"},{\"containerID\":\"b\","
		  "\"ifname\":\"net2\"}],\"cni.dev/attachments\":[]",
		  true, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };

		cr_assert_eq(read_config_with(cases[i].keys, REQUEST_GC, NULL,
					      NULL, &config, &err),
			     0, "case %zu: %s", i, err.details);
		cr_expect_eq(config.has_valid_attachments, cases[i].has);
		cr_assert_eq(config.n_valid_attachments, cases[i].count);
		if (cases[i].count)
			cr_expect_str_eq(config.valid_attachments[1].ifname,
					 "net2");
	}
}

Test(config, a_list_of_attachments_is_right_or_refused)
{
	static const char *const cases[] = {
		"{}",
		"\"a\"",
		"[7]",
		"[{}]",
		"[{\"containerID\":\"a\"}]",
		"[{\"containerID\":1,\"ifname\":\"net1\"}]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };
		char keys[256];

		snprintf(keys, sizeof(keys), "\"cni.dev/valid-attachments\":%s",
			 cases[i]);
		cr_expect_lt(read_config_with(keys, REQUEST_GC, NULL, NULL,
					      &config, &err),
			     0, "%s", cases[i]);
		cr_expect_eq(err.code, ERROR_CONFIG);
		cr_expect_not_null(strstr(err.details,
					  "cni.dev/valid-attachments"),
				   "%s", err.details);
	}
}
