#include "ipam/config.h"
#include "lib/log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void quiet(void)
{
	log_init("test", LOG_LEVEL_QUIET);
}

TestSuite(ipam_config, .init = quiet);

/* Reads '...' as the "ipam" of a document, quotes written as '. */
static int read_text(const char *text, struct ipam_config *ret,
		     struct error *err)
{
	cleanup_json struct json *json = NULL;
	struct json_at root, at;
	char document[4096];
	int r;

	snprintf(document, sizeof(document), "{\"ipam\": %s}", text);
	for (char *p = document; *p; p++)
		if (*p == '\'')
			*p = '"';
	r = json_parse(document, strlen(document), &json, err);
	cr_assert_eq(r, 0, "%s: %s", document, err->details);
	root = json_root(json);
	cr_assert(json_member(&root, "ipam", &at));
	return ipam_config_read(&at, ret, err);
}

static int read_reserved(const char *text, struct ipam_config *ret,
			 struct error *err)
{
	int r = read_text(text, ret, err);

	return r < 0 ? r : ipam_config_reserve(ret, NULL, 0, err);
}

static void add_runtime(struct ipam_config *config, const char *text,
			int expected)
{
	cleanup_json struct json *json = NULL;
	struct error err = { 0 };
	char document[1024];
	struct json_at root;
	int r;

	snprintf(document, sizeof(document), "%s", text);
	for (char *p = document; *p; p++)
		if (*p == '\'')
			*p = '"';
	r = json_parse(document, strlen(document), &json, &err);
	cr_assert_eq(r, 0, "%s", err.details);
	root = json_root(json);
	r = ipam_config_add_ranges(config, &root, &err);
	cr_assert_eq(r < 0, expected < 0, "%s", err.details);
}

/* "10.1.2.1-10.1.2.3 gw 10.1.2.4; ..." for the candidates of all sets; '|'
 * between alternatives, ',' between intervals. */
static void format_sets(const struct ipam_config *config, char *buf, size_t len)
{
	FILE *out = fmemopen(buf, len, "w");

	for (size_t i = 0; i < config->n_sets; i++) {
		const struct ipam_range_set *set = &config->sets[i];

		fputs(i ? "; " : "", out);
		for (size_t j = 0; j < set->count; j++) {
			const struct ipam_range *range = &set->ranges[j];
			char a[INET_ADDR_TEXT], b[INET_ADDR_TEXT];

			fputs(j ? " | " : "", out);
			for (size_t k = 0; k < range->candidates.count; k++) {
				struct inet_addr first, last;

				first = inet_addr_from_uint(
					set->family,
					range->candidates.items[k].first);
				last = inet_addr_from_uint(
					set->family,
					range->candidates.items[k].last);
				fprintf(out, "%s%s-%s", k ? "," : "",
					inet_addr_format(&first, a),
					inet_addr_format(&last, b));
			}
			if (range->gateway.family)
				fprintf(out, " gw %s",
					inet_addr_format(&range->gateway, a));
		}
	}
	fputc('\0', out);
	fclose(out);
}

Test(ipam_config, ranges_become_sets_of_candidates,
     .description = "CF-1 RG-1 RG-4")
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "{'type': 'hostshim', 'range': '10.1.2.0/29'}",
		  "10.1.2.1-10.1.2.6" },
		{ "{'type': 'hostshim', 'range': '10.1.2.0/24',"
		  " 'range_start': '010.001.002.010', 'range_end': '10.1.2.20',"
		  " 'exclude': ['10.1.2.12', '10.1.2.17/30', 'fd00::/64']}",
		  "10.1.2.10-10.1.2.11,10.1.2.13-10.1.2.15,10.1.2.20-"
		  "10.1.2.20" },
		{ "{'type': 'hostshim', 'range': '10.1.2.2-10.1.2.5/24',"
		  " 'gateway': '10.1.2.3'}",
		  "10.1.2.2-10.1.2.2,10.1.2.4-10.1.2.5 gw 10.1.2.3" },
		{ "{'type': 'hostshim', 'range': '10.1.2.0/29', 'ipRanges': ["
		  "{'range': 'fd00::/125', 'exclude': ['fd00::2']},"
		  "{'range': '10.1.3.0/24', 'range_start': '10.1.3.9',"
		  " 'range_end': '10.1.3.9'}], 'gateway': 'fd00::1'}",
		  "10.1.2.1-10.1.2.6; fd00::3-fd00::6 gw fd00::1; "
		  "10.1.3.9-10.1.3.9" },
		{ "{'type': 'hostshim', 'subnet': '10.1.2.0/29'}",
		  "10.1.2.2-10.1.2.6 gw 10.1.2.1" },
		{ "{'type': 'hostshim', 'subnet': '10.1.2.0/24',"
		  " 'rangeStart': '10.1.2.9', 'rangeEnd': '10.1.2.10',"
		  " 'gateway': '10.9.9.9'}",
		  "10.1.2.9-10.1.2.10 gw 10.9.9.9" },
		{ "{'type': 'hostshim', 'subnet': '10.1.2.0/29',"
		  " 'exclude': ['10.1.2.4/30']}",
		  "10.1.2.2-10.1.2.3 gw 10.1.2.1" },
		/* Two sets, the first with two alternatives. */
		{ "{'type': 'hostshim', 'ranges': ["
		  "[{'subnet': '10.1.2.0/30'}, {'subnet': '10.2.2.0/30'}],"
		  "[{'subnet': '2001:db8:1::0/126'}]]}",
		  "10.1.2.2-10.1.2.2 gw 10.1.2.1 | "
		  "10.2.2.2-10.2.2.2 gw 10.2.2.1; "
		  "2001:db8:1::2-2001:db8:1::3 gw 2001:db8:1::1" },
		/* Old and new style together, the old one first. */
		{ "{'type': 'hostshim', 'subnet': '10.1.2.0/30',"
		  " 'ranges': [[{'subnet': '10.2.2.0/30'}]]}",
		  "10.1.2.2-10.1.2.2 gw 10.1.2.1; "
		  "10.2.2.2-10.2.2.2 gw 10.2.2.1" },
		/* One subnet, split by start and end. */
		{ "{'type': 'hostshim', 'ranges': ["
		  "[{'subnet': '10.1.2.0/24', 'rangeEnd': '10.1.2.3'},"
		  " {'subnet': '10.1.2.0/24', 'rangeStart': '10.1.2.250'}]]}",
		  "10.1.2.2-10.1.2.3 gw 10.1.2.1 | "
		  "10.1.2.250-10.1.2.254 gw 10.1.2.1" },
		{ "{'type': 'hostshim', 'range': '10.1.2.0/28',"
		  " 'hostRange': '10.1.2.0/29'}",
		  "10.1.2.8-10.1.2.14" },
		{ "{'type': 'hostshim', 'range': '10.1.2.0/28',"
		  " 'hostRange': ['10.1.2.2-10.1.2.3/28']}",
		  "10.1.2.1-10.1.2.1,10.1.2.4-10.1.2.14" },
		{ "{'type': 'hostshim', 'range': '10.1.2.0/29',"
		  " 'addresses': [{'address': '10.1.2.1/29'}]}",
		  "10.1.2.2-10.1.2.6" },
		{ "{'type': 'hostshim',"
		  " 'addresses': [{'address': '10.1.2.1/29'}]}",
		  "" },
		{ "{'type': 'whereabouts', 'store': 'local',"
		  " 'range': '10.1.2.0/29', 'range_start': '10.9.9.9',"
		  " 'range_end': 'garbage'}",
		  "10.1.2.1-10.1.2.6" },
		{ "{'TYPE': 'hostshim', 'range': '', 'Range': '10.1.2.0/29',"
		  " 'range_start': '', 'exclude': null, 'gateway': ''}",
		  "10.1.2.1-10.1.2.6" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_ipam_config struct ipam_config config = { 0 };
		struct error err = { 0 };
		char text[1024] = "";

		cr_assert_eq(read_reserved(cases[i].text, &config, &err), 0,
			     "%s: %s", cases[i].text, err.details);
		format_sets(&config, text, sizeof(text));
		cr_expect_str_eq(text, cases[i].expected, "%s: %s",
				 cases[i].text, text);
	}
}

Test(ipam_config, complaints_name_the_key, .description = "CF-3 RG-2 RG-4 ST-9")
{
#define RANGE "'range': '10.1.2.0/24'"
	static const struct {
		const char *keys;
		unsigned int code;
		const char *complaint;
	} cases[] = {
		{ "'range': 5", 7, "ipam.range: expected a string" },
		{ "'range': '10.1.2.0'", 7, "ipam.range: \"10.1.2.0\"" },
		{ "'range': '10.1.2.0/31'", 7, "ipam.range: 10.1.2.0/31" },
		{ RANGE ", 'range_start': '10.1.2'", 7,
		  "ipam.range_start: \"10.1.2\"" },
		{ RANGE ", 'range_end': '10.1.3.1'", 7,
		  "ipam.range: end 10.1.3.1" },
		{ RANGE ", 'range_start': '10.1.2.9', 'range_end': '10.1.2.8'",
		  7, "ipam.range: end 10.1.2.8 is before" },
		{ RANGE ", 'range_start': 3", 7, "ipam.range_start: expected" },
		{ "'range_start': '10.1.2.1', 'subnet': '10.1.2.0/24'", 7,
		  "ipam.range_start: given without" },
		{ "'rangeEnd': '10.1.2.1', " RANGE, 7,
		  "ipam.rangeEnd: given without" },
		{ "'exclude': ['10.1.2.1'], 'ipRanges': [{" RANGE "}]", 7,
		  "ipam.exclude: given without" },
		{ RANGE ", 'exclude': ['10.1.2.01']", 7,
		  "ipam.exclude[0]: \"10.1.2.01\"" },
		{ RANGE ", 'exclude': '10.1.2.1'", 7,
		  "ipam.exclude: expected an array" },
		{ RANGE ", 'exclude': ['10.1.2.0/24']", 7,
		  "range 10.1.2.0/24: nothing is left" },
		{ RANGE ", 'gateway': 'x'", 7, "ipam.gateway: \"x\"" },
		{ "'ipRanges': {}", 7, "ipam.ipRanges: expected an array" },
		{ "'ipRanges': [{}]", 7, "ipam.ipRanges[0].range: required" },
		{ "'ipRanges': [{" RANGE ", 'range_start': '010.1.2.1'}]", 7,
		  "ipam.ipRanges[0].range_start: \"010.1.2.1\"" },
		{ "'subnet': '10.1.2.1/24'", 7,
		  "ipam.subnet: host bits are set: the network is "
		  "10.1.2.0/24" },
		{ "'subnet': '10.1.2.0/31'", 7, "ipam.subnet: 10.1.2.0/31" },
		{ "'subnet': '10.1.2.0/24', 'gateway': 'fd00::1'", 7,
		  "ipam.gateway: is not of the family" },
		{ "'ranges': [{'subnet': '10.1.2.0/24'}]", 7,
		  "ipam.ranges[0]: expected an array of ranges" },
		{ "'ranges': [[]]", 7, "ipam.ranges[0]: a set needs a range" },
		{ "'ranges': [[{}]]", 7, "ipam.ranges[0][0].subnet: required" },
		{ "'ranges': [[{'subnet': '10.1.2.0/24',"
		  " 'rangeStart': '10.1.3.1'}]]",
		  7, "ipam.ranges[0][0].subnet: start 10.1.3.1" },
		{ "'ranges': [[{'subnet': '10.1.2.0/24'},"
		  " {'subnet': 'fd00::/64'}]]",
		  7, "ipam.ranges[0][1]: a set has ranges of one family" },
		{ "'ranges': [[{'subnet': '10.1.2.0/24'},"
		  " {'subnet': '10.1.2.0/25'}]]",
		  7, "ipam.ranges[0][1]: 10.1.2.0/25 overlaps 10.1.2.0/24" },
		{ "'ranges': [[{'subnet': '10.1.2.0/24'}],"
		  " [{'subnet': '10.1.0.0/16'}]]",
		  7, "ipam.ranges[1][0]: 10.1.0.0/16 overlaps" },
		{ "'subnet': '10.1.2.0/24',"
		  " 'ranges': [[{'subnet': '10.1.2.0/24'}]]",
		  7, "ipam.ranges[0][0]: 10.1.2.0/24 overlaps" },
		{ RANGE ", 'addresses': [{'address': '10.1.2.1'}]", 7,
		  "ipam.addresses[0].address: \"10.1.2.1\"" },
		{ RANGE ", 'addresses': [{'gateway': '10.1.2.1'}]", 7,
		  "ipam.addresses[0].address: required" },
		{ RANGE ", 'routes': [{'gw': '10.1.2.1'}]", 7,
		  "ipam.routes[0].dst: required" },
		{ RANGE ", 'routes': [{'dst': '0.0.0.0'}]", 7,
		  "ipam.routes[0].dst: \"0.0.0.0\"" },
		{ RANGE ", 'routes': [{'dst': '::/0', 'gw': '10.1.2.1'}]", 7,
		  "ipam.routes[0]: gateway 10.1.2.1 is not of the family" },
		{ RANGE ", 'routes': [{'dst': '::/0', 'scope': 256}]", 7,
		  "ipam.routes[0].scope" },
		{ RANGE ", 'routes': [{'dst': '::/0', 'mtu': -1}]", 7,
		  "ipam.routes[0].mtu" },
		{ RANGE ", 'dns': []", 7, "ipam.dns: expected an object" },
		{ RANGE ", 'dns': {'search': 'a'}", 7,
		  "ipam.dns.search: expected an array" },
		{ RANGE ", 'dns': {'nameservers': [1]}", 7,
		  "ipam.dns.nameservers[0]: expected a string" },
		{ RANGE ", 'resolvConf': '/nonexistent/resolv.conf'", 5,
		  "ipam.resolvConf: /nonexistent/resolv.conf is missing" },
		{ RANGE ", 'store': 'etcd'", 2, "ipam.store: \"etcd\"" },
		{ RANGE ", 'order': 'random'", 2, "ipam.order: \"random\"" },
		{ RANGE ", 'pool': 'Storage'", 7, "ipam.pool: \"Storage\"" },
		{ RANGE ", 'pool': '-a'", 7, "ipam.pool" },
		{ RANGE ", 'pool': 'a-'", 7, "ipam.pool" },
		{ RANGE ", 'pool': 'a/b'", 7, "ipam.pool" },
		{ RANGE ", 'pool': '0123456789012345678901234567890123456789"
			"012345678901234567890123'",
		  7, "ipam.pool" },
		{ RANGE ", 'network_name': 'a.b'", 7, "ipam.network_name" },
		{ RANGE ", 'stateDir': 'run'", 7, "ipam.stateDir: \"run\"" },
		{ RANGE ", 'stateDir': '/run/../etc'", 7, "ipam.stateDir" },
		{ RANGE ", 'dataDir': '/var/..'", 7, "ipam.dataDir" },
		{ RANGE ", 'kubernetes': {'kubeconfig': 'k'}", 7,
		  "ipam.kubernetes.kubeconfig: \"k\"" },
		{ RANGE ", 'kubernetes': 'k'", 7, "ipam.kubernetes: expected" },
		{ RANGE ", 'reuseDelay': -1", 7, "ipam.reuseDelay" },
		{ RANGE ", 'shared': 'yes'", 7, "ipam.shared: expected" },
		{ RANGE ", 'hostRange': '10.1.3.0/28'", 7,
		  "ipam.hostRange: 10.1.3.0/28 is in the network of no range" },
		{ RANGE ", 'hostRange': ['10.1.2.0/28', '10.1.2.16/28']", 7,
		  "ipam.hostRange[1]: a second one" },
		{ RANGE ", 'hostRange': '10.1.2.9-10.1.2.1/24'", 7,
		  "ipam.hostRange: end" },
		{ RANGE ", 'hostRange': 7", 7, "ipam.hostRange: expected" },
		{ RANGE ", 'hostIndex': 7", 7, "ipam: hostIndex without" },
		{ "'pool': 'a'", 7, "ipam: no range" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_ipam_config struct ipam_config config = { 0 };
		struct error err = { 0 };
		char text[1024];

		snprintf(text, sizeof(text), "{'type': 'hostshim', %s}",
			 cases[i].keys);
		cr_expect_lt(read_reserved(text, &config, &err), 0, "%s", text);
		cr_expect_eq(err.code, cases[i].code, "%s: code %u", text,
			     err.code);
		cr_expect(strstr(err.details, cases[i].complaint), "%s: %s",
			  text, err.details);
	}
}

Test(ipam_config, an_empty_section_is_none_and_a_typeless_one_an_error)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct error err = { 0 };

	cr_expect_eq(read_text("{}", &config, &err), 0);
	cr_expect_not(config.present);
	cr_expect_eq(read_text("{'type': ''}", &config, &err), 0);
	cr_expect_not(config.present);
	cr_expect_not(ipam_config_is_builtin(&config));
	cr_expect_lt(read_text("{'range': '10.1.2.0/24'}", &config, &err), 0);
	cr_expect(strstr(err.details, "ipam.type: required"), "%s",
		  err.details);
	cr_expect_lt(read_text("[]", &config, &err), 0);
	cr_expect_lt(read_text("{'type': 1}", &config, &err), 0);
	cr_expect_eq(err.code, ERROR_CONFIG);
}

Test(ipam_config, another_type_is_kept_by_name_and_its_keys_are_its_own)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct error err = { 0 };

	cr_expect_eq(read_reserved("{'type': 'dhcp', 'range': 12,"
				   " 'pool': '/'}",
				   &config, &err),
		     0);
	cr_expect(config.present);
	cr_expect_str_eq(config.type, "dhcp");
	cr_expect_not(ipam_config_is_builtin(&config));
	add_runtime(&config, "[[{'subnet': '10.1.2.0/24'}]]", 0);
	cr_expect_eq(config.n_sets, 0);
}

Test(ipam_config, whereabouts_is_executed_where_nodes_have_slices)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct error err = { 0 };

	cr_expect_eq(read_reserved("{'type': 'whereabouts',"
				   " 'node_slice_size': '/26',"
				   " 'configuration_path': '/etc/x'}",
				   &config, &err),
		     0);
	cr_expect_eq(config.store, IPAM_STORE_WHEREABOUTS);
	cr_expect_not(ipam_config_is_builtin(&config));
	cr_expect_eq(read_text("{'type': 'whereabouts', 'store': 'local',"
			       " 'range': '10.1.2.0/24'}",
			       &config, &err),
		     0);
	cr_expect(ipam_config_is_builtin(&config));
	cr_expect_eq(read_text("{'type': 'whereabouts',"
			       " 'range': '10.1.2.0/24'}",
			       &config, &err),
		     0);
	cr_expect(ipam_config_is_builtin(&config));
	cr_expect_eq(config.store, IPAM_STORE_WHEREABOUTS);
	cr_expect(config.overlap);
	cr_expect_eq(read_text("{'type': 'whereabouts',"
			       " 'range': '10.1.2.0/24',"
			       " 'enable_overlapping_ranges': false}",
			       &config, &err),
		     0);
	cr_expect_not(config.overlap);
}

Test(ipam_config, defaults_are_the_documented_ones)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct error err = { 0 };

	cr_assert_eq(read_text("{'type': 'hostshim', 'range': '10.1.2.0/24'}",
			       &config, &err),
		     0);
	cr_expect(ipam_config_is_builtin(&config));
	cr_expect_eq(config.store, IPAM_STORE_LOCAL);
	cr_expect_eq(config.order, IPAM_ORDER_LOWEST);
	cr_expect_eq(config.reuse_delay, 30);
	cr_expect_str_eq(config.pool, "");
	cr_expect_str_eq(config.state_dir, "/run/hostshim");
	cr_expect_str_eq(config.data_dir, "/var/lib/cni/hostshim");
	cr_expect_str_eq(config.kubeconfig,
			 "/etc/cni/net.d/hostshim.d/kubeconfig");
	cr_expect_not(config.conflict_probe);
	cr_expect_not(config.shared);
	cr_expect_not(config.has_host_index);
}

Test(ipam_config, what_is_given_is_kept)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct error err = { 0 };

	cr_assert_eq(
		read_text("{'type': 'hostshim', 'range': '10.1.2.0/24',"
			  " 'store': 'kubernetes', 'network_name': 'old',"
			  " 'pool': 'lh-1', 'reuseDelay': 0,"
			  " 'conflictProbe': true, 'shared': true,"
			  " 'hostRange': '10.1.2.0/28', 'hostIndex': 0,"
			  " 'stateDir': '/run/x', 'dataDir': '/var/x..y',"
			  " 'kubernetes': {'kubeconfig': '/etc/k',"
			  " 'k8s_api_root': 'x'},"
			  " 'routes': [{'dst': '10.9.1.7/16', 'gw': '10.1.2.1',"
			  " 'mtu': 1400, 'advmss': 1360, 'priority': 5,"
			  " 'table': 0, 'scope': 253}, {'dst': '::/0'}],"
			  " 'dns': {'nameservers': ['10.0.0.1'],"
			  " 'domain': 'd', 'search': ['a', 'b'],"
			  " 'options': ['ndots:1']},"
			  " 'addresses': [{'address': '10.5.5.5/24',"
			  " 'gateway': '10.5.5.1'}]}",
			  &config, &err),
		0, "%s", err.details);
	cr_expect_eq(config.store, IPAM_STORE_KUBERNETES);
	cr_expect_eq(config.order, IPAM_ORDER_HASH);
	cr_expect_str_eq(config.pool, "lh-1");
	cr_expect_eq(config.reuse_delay, 0);
	cr_expect(config.conflict_probe && config.shared);
	cr_expect(config.has_host_index && config.host_index == 0);
	cr_expect_str_eq(config.state_dir, "/run/x");
	cr_expect_str_eq(config.data_dir, "/var/x..y");
	cr_expect_str_eq(config.kubeconfig, "/etc/k");
	cr_expect_eq(config.n_routes, 2);
	cr_expect_eq(config.routes[0].dst.addr.bytes[2], 0);
	cr_expect_eq(config.routes[0].mtu, 1400);
	cr_expect_eq(config.routes[0].advmss, 1360);
	cr_expect_eq(config.routes[0].priority, 5);
	cr_expect(config.routes[0].has_table && config.routes[0].table == 0);
	cr_expect(config.routes[0].has_scope && config.routes[0].scope == 253);
	cr_expect_not(config.routes[1].has_table || config.routes[1].has_scope);
	cr_expect_eq(config.dns.n_search, 2);
	cr_expect_str_eq(config.dns.search[1], "b");
	cr_expect_str_eq(config.dns.domain, "d");
	cr_expect_eq(config.n_statics, 1);
	cr_expect_eq(config.statics[0].gateway.bytes[3], 1);
}

Test(ipam_config, the_runtimes_ranges_come_first, .description = "CF-1")
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct error err = { 0 };
	char text[1024] = "";

	cr_assert_eq(read_text("{'type': 'hostshim',"
			       " 'ranges': [[{'subnet': '10.2.0.0/30'}]]}",
			       &config, &err),
		     0);
	add_runtime(&config,
		    "[[{'subnet': '10.1.0.0/30'}], [{'subnet': 'fd00::/126'}]]",
		    0);
	cr_assert_eq(ipam_config_reserve(&config, NULL, 0, &err), 0);
	format_sets(&config, text, sizeof(text));
	cr_expect_str_eq(text, "10.1.0.2-10.1.0.2 gw 10.1.0.1; "
			       "fd00::2-fd00::3 gw fd00::1; "
			       "10.2.0.2-10.2.0.2 gw 10.2.0.1");
	add_runtime(&config, "[[{'subnet': '10.2.0.0/24'}]]", -1);
	add_runtime(&config, "[[{'subnet': '10.2.0.1/24'}]]", -1);
	add_runtime(&config, "{}", -1);
	add_runtime(&config, "null", 0);
	add_runtime(&config, "[]", 0);
}

Test(ipam_config, ranges_of_the_runtime_alone_are_enough)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct error err = { 0 };

	cr_assert_eq(read_text("{'type': 'hostshim'}", &config, &err), 0);
	add_runtime(&config, "[[{'subnet': '10.1.0.0/24'}]]", 0);
	cr_expect_eq(ipam_config_reserve(&config, NULL, 0, &err), 0);
}

Test(ipam_config, more_sets_than_addresses_are_refused)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct error err = { 0 };
	char text[2048] = "{'type': 'hostshim', 'ipRanges': [";

	for (int i = 0; i < 17; i++)
		sprintf(text + strlen(text), "%s{'range': '10.%d.0.0/24'}",
			i ? "," : "", i);
	strcat(text, "]}");
	cr_expect_lt(read_text(text, &config, &err), 0);
	cr_expect(strstr(err.details, "17 range sets"), "%s", err.details);
}

Test(ipam_config, node_addresses_are_never_candidates_whatever_exclude_says)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct inet_addr nodes[2];
	struct error err = { 0 };
	char text[1024] = "";

	cr_assert(inet_addr_parse("10.1.2.3", &nodes[0]));
	cr_assert(inet_addr_parse("fd00::3", &nodes[1]));
	cr_assert_eq(read_text("{'type': 'hostshim', 'range': '10.1.2.0/29',"
			       " 'exclude': ['10.1.2.6'], 'ipRanges':"
			       " [{'range': 'fd00::/125'}]}",
			       &config, &err),
		     0);
	cr_assert_eq(ipam_config_reserve(&config, nodes, 2, &err), 0);
	format_sets(&config, text, sizeof(text));
	cr_expect_str_eq(text, "10.1.2.1-10.1.2.2,10.1.2.4-10.1.2.5; "
			       "fd00::1-fd00::2,fd00::4-fd00::6");
	cr_expect(range_set_contains(&config.reserved[0],
				     inet_addr_to_uint(&nodes[0])));
	cr_expect(range_set_contains(&config.reserved[1],
				     inet_addr_to_uint(&nodes[1])));
}

Test(ipam_config, what_a_release_needs_is_there_after_a_failure)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct error err = { 0 };

	cr_expect_lt(read_text("{'range': 'typo', 'pool': 'lh',"
			       " 'stateDir': '/run/x', 'type': 'hostshim'}",
			       &config, &err),
		     0);
	cr_expect(ipam_config_is_builtin(&config));
	cr_expect_str_eq(config.state_dir, "/run/x");
	cr_expect_str_eq(config.data_dir, "/var/lib/cni/hostshim");
	cr_expect_str_eq(config.pool, "lh");
	cr_expect_eq(config.n_sets, 0);
}

static void write_text(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	cr_assert(out);
	fputs(text, out);
	fclose(out);
}

Test(ipam_config, resolv_conf_is_read_as_host_local_reads_it,
     .description = "DN-1")
{
	cleanup_ipam_dns struct ipam_dns dns = { 0 };
	char path[] = "/tmp/hostshim-resolv-XXXXXX";
	struct error err = { 0 };
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	write_text(path, "# comment\n; comment\n\nnameserver 192.0.2.0\r\n"
			 "nameserver  192.0.2.1\n  search a b\t c \n"
			 "domain example.org\noptions one two\nbogus x\n"
			 "nameserver 192.0.2.2");
	cr_expect_eq(ipam_dns_load(path, &dns, &err), 0);
	cr_expect_eq(dns.n_nameservers, 3);
	cr_expect_str_eq(dns.nameservers[0], "192.0.2.0");
	cr_expect_str_eq(dns.nameservers[2], "192.0.2.2");
	cr_expect_eq(dns.n_search, 3);
	cr_expect_str_eq(dns.search[2], "c");
	cr_expect_str_eq(dns.domain, "example.org");
	cr_expect_eq(dns.n_options, 2);
	unlink(path);
}

Test(ipam_config, dns_copies_are_deep)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	cleanup_ipam_dns struct ipam_dns copy = { 0 };
	struct error err = { 0 };

	cr_assert_eq(read_text("{'type': 'hostshim', 'dns': {'domain': 'd',"
			       " 'nameservers': ['10.0.0.1']}}",
			       &config, &err),
		     0);
	cr_expect(ipam_dns_is_empty(&copy));
	cr_expect_eq(ipam_dns_copy(&config.dns, &copy, &err), 0);
	ipam_config_clear(&config);
	cr_expect_not(ipam_dns_is_empty(&copy));
	cr_expect_str_eq(copy.nameservers[0], "10.0.0.1");
	cr_expect_str_eq(copy.domain, "d");
}

/* --- Whereabouts' flat file -------------------------------------------------- */

static char flat_dir[] = "/tmp/test-ipam-flat-XXXXXX";

static void make_flat_dir(void)
{
	quiet();
	cr_assert_not_null(mkdtemp(flat_dir));
}

static void drop_flat_dir(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/whereabouts.conf", flat_dir);
	unlink(path);
	rmdir(flat_dir);
}

TestSuite(ipam_flat, .init = make_flat_dir, .fini = drop_flat_dir);

static void write_flat(const char *text)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/whereabouts.conf", flat_dir);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	for (; *text; text++)
		fputc(*text == '\'' ? '"' : *text, file);
	fclose(file);
}

/* The section has @keys; "configuration_path" is the file, or its folder. */
static int read_flat(const char *keys, bool folder, struct ipam_config *ret,
		     struct error *err)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "{'type': 'whereabouts', 'store': 'local',"
		 " 'configuration_path': '%s%s'%s%s}",
		 flat_dir, folder ? "" : "/whereabouts.conf", *keys ? ", " : "",
		 keys);
	return read_reserved(text, ret, err);
}

Test(ipam_flat, it_gives_what_the_section_lacks)
{
	static const struct {
		const char *flat, *keys, *sets, *pool, *kubeconfig;
	} cases[] = {
		{ "{'kubernetes': {'kubeconfig': '/k'}}",
		  "'range': '10.1.2.0/29'", "10.1.2.1-10.1.2.6", "", "/k" },
		{ "{'kubernetes': {'kubeconfig': '/k'}}",
		  "'range': '10.1.2.0/29',"
		  " 'kubernetes': {'k8s_api_root': 'x'}",
		  "10.1.2.1-10.1.2.6", "", "/k" },
		{ "{'kubernetes': {'kubeconfig': '/k'}}",
		  "'range': '10.1.2.0/29', 'kubernetes': {'kubeconfig': '/o'}",
		  "10.1.2.1-10.1.2.6", "", "/o" },
		{ "{'range': '10.1.2.0/29', 'network_name': 'n'}", "",
		  "10.1.2.1-10.1.2.6", "n", IPAM_KUBECONFIG },
		{ "{'range': '10.1.2.0/29', 'network_name': 'n'}",
		  "'range': '', 'network_name': 'm'", "10.1.2.1-10.1.2.6", "m",
		  IPAM_KUBECONFIG },
		/* The top-level range comes before the ranges. */
		{ "{'range': '10.1.2.0/29'}",
		  "'ipRanges': [{'range': '10.1.3.0/29'}]",
		  "10.1.2.1-10.1.2.6; 10.1.3.1-10.1.3.6", "", IPAM_KUBECONFIG },
		/* Lists are not joined. */
		{ "{'exclude': ['10.1.2.1']}",
		  "'range': '10.1.2.0/29', 'exclude': ['10.1.2.2']",
		  "10.1.2.1-10.1.2.1,10.1.2.3-10.1.2.6", "", IPAM_KUBECONFIG },
		{ "{'exclude': ['10.1.2.1']}",
		  "'range': '10.1.2.0/29', 'exclude': []", "10.1.2.2-10.1.2.6",
		  "", IPAM_KUBECONFIG },
		/* Not even a type counts there. */
		{ "{'type': 'static', 'log_level': 'debug'}",
		  "'range': '10.1.2.0/29'", "10.1.2.1-10.1.2.6", "",
		  IPAM_KUBECONFIG },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		cleanup_ipam_config struct ipam_config config = { 0 };
		struct error err = { 0 };
		char text[256] = "";

		write_flat(cases[i / 2].flat);
		cr_assert_eq(read_flat(cases[i / 2].keys, i % 2, &config, &err),
			     0, "%s: %s", cases[i / 2].flat, err.details);
		format_sets(&config, text, sizeof(text));
		cr_expect_str_eq(text, cases[i / 2].sets, "%s with %s: %s",
				 cases[i / 2].keys, cases[i / 2].flat, text);
		cr_expect_str_eq(config.pool, cases[i / 2].pool);
		cr_expect_str_eq(config.kubeconfig, cases[i / 2].kubeconfig);
	}
}

Test(ipam_flat, there_need_not_be_one)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct error err = { 0 };

	cr_expect_eq(read_flat("'range': '10.1.2.0/29'", false, &config, &err),
		     0, "%s", err.details);
	cr_expect_eq(config.n_sets, 1);
}

Test(ipam_flat, one_that_is_no_object_stops_an_add_and_leaves_what_a_del_needs)
{
	static const struct {
		const char *flat, *expected;
	} cases[] = {
		{ "", "the input is empty" },
		{ "{'range': ", "line 1" },
		{ "['range']", "expected an object" },
		{ "{'range': 7}", "ipam.range: expected a string" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_ipam_config struct ipam_config config = { 0 };
		struct error err = { 0 };

		write_flat(cases[i].flat);
		cr_expect_lt(read_flat("'network_name': 'n'", false, &config,
				       &err),
			     0, "%s", cases[i].flat);
		cr_expect_eq(err.code, ERROR_CONFIG, "%s: %u", cases[i].flat,
			     err.code);
		cr_expect(strstr(err.details, cases[i].expected), "%s: %s",
			  cases[i].flat, err.details);
		cr_expect(config.present);
		cr_expect_str_eq(config.pool, "n");
		cr_expect_eq(config.store, IPAM_STORE_LOCAL);
	}
}

Test(ipam_flat, it_is_whereabouts_own)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct error err = { 0 };
	char text[256];

	write_flat("{'range': '10.1.2.0/29'}");
	snprintf(text, sizeof(text),
		 "{'type': 'hostshim', 'configuration_path': '%s'}", flat_dir);
	cr_expect_eq(read_text(text, &config, &err), 0, "%s", err.details);
	cr_expect_eq(config.n_sets, 0);
}

Test(ipam_flat, slices_of_nodes_are_refused_where_we_serve)
{
	cleanup_ipam_config struct ipam_config config = { 0 };
	struct error err = { 0 };

	write_flat("{'node_slice_size': '/26'}");
	cr_expect_lt(read_flat("'range': '10.1.2.0/24'", false, &config, &err),
		     0);
	cr_expect_eq(err.code, ERROR_UNSUPPORTED, "%s", err.details);
	cr_expect(strstr(err.details, "ipam.node_slice_size"), "%s",
		  err.details);
}
