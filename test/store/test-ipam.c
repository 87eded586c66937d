#include "ipam/ipam.h"
#include "test/store/contract.h"
#include "test/store/local-dir.h"

#include "lib/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

const struct contract_fixture contract_fixture = {
	.name = "local",
	.init = local_dir_init,
	.fini = local_dir_fini,
	.keys = local_dir_keys,
	.open = local_dir_open,
};

TestSuite(ipam, .init = local_dir_init, .fini = local_dir_fini);

static struct ipam_config config;
static struct ipam *ipam;
static struct error err;
static struct ipam_result result;

static void begin(const char *members)
{
	int r;

	contract_config(&config, members);
	r = ipam_open(&config, false, &ipam, &err);
	cr_assert_eq(r, 0, "%s", err.details);
}

static void end(void)
{
	ipam_result_clear(&result);
	ipam = ipam_close(ipam);
	ipam_config_clear(&config);
}

/* Reserves for container @n what is asked for in @text, split at spaces. */
static int reserve(unsigned int n, const char *text)
{
	struct inet_addr asked[8];
	struct store_attachment a;
	cleanup_free char *copy = strdup(text);
	char buf[32];
	size_t count = 0;

	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		cr_assert(inet_addr_parse(word, &asked[count++]), "%s", word);
	a = contract_attachment(buf, n);
	err = (struct error){ 0 };
	ipam_result_clear(&result);
	return ipam_reserve(ipam, &a, asked, count, &result, &err);
}

/* "10.1.2.5/24 gw 10.1.2.1; fd00::1/64" */
static const char *given(void)
{
	static char buf[512];
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < result.n_addresses; i++) {
		const struct store_address *a = &result.addresses[i];
		char prefix[INET_PREFIX_TEXT], gw[INET_ADDR_TEXT];

		used += (size_t)snprintf(buf + used, sizeof(buf) - used,
					 "%s%s%s%s", i ? "; " : "",
					 inet_prefix_format(&a->address,
							    prefix),
					 a->gateway.family ? " gw " : "",
					 inet_addr_format(&a->gateway, gw));
	}
	return buf;
}

Test(ipam, the_result_has_addresses_gateways_statics_routes_and_dns)
{
	begin("'range': '10.1.2.0/24', 'ipRanges': [{'range': 'fd00::/64'}],"
	      " 'gateway': 'fd00::1', 'routes': [{'dst': '0.0.0.0/0'}],"
	      " 'addresses': [{'address': '10.9.9.9/16',"
	      " 'gateway': '10.9.0.1'}], 'dns': {'nameservers': ['1.1.1.1']}");
	cr_assert_eq(reserve(0, ""), 0, "%s", err.details);
	cr_expect_str_eq(given(), "10.1.2.1/24; fd00::2/64 gw fd00::1; "
				  "10.9.9.9/16 gw 10.9.0.1");
	cr_expect_eq(result.n_routes, 1);
	cr_expect_eq(result.dns.n_nameservers, 1);
	end();
}

Test(ipam, requested_addresses_fit_one_set_each,
     .description = "HL-9 HL-10 HL-11 AL-4")
{
	static const struct {
		const char *asked;
		unsigned int code;
		const char *expected;
	} cases[] = {
		{ "", 0, "10.1.2.1/24; fd00::2/64 gw fd00::1; 10.2.2.2/24 " },
		{ "10.1.2.77", 0, "10.1.2.77/24; fd00::2/64 " },
		{ "fd00::99", 0, "10.1.2.1/24; fd00::99/64 " },
		{ "fd00::99 10.1.2.77", 0, "10.1.2.77/24; fd00::99/64 " },
		{ "10.1.2.77 10.1.2.77", 0, "10.1.2.77/24; fd00::2/64 " },
		{ "10.2.2.99", 0,
		  "10.1.2.1/24; fd00::2/64 gw fd00::1; 10.2.2.99/24 " },
		/* Left out, so that they can be asked for. */
		{ "10.1.2.200", 0, "10.1.2.200/24; " },
		{ "10.1.2.240", 0, "10.1.2.240/24; " },
		{ "fd00::ffff:ffff:ffff:ffff", 0,
		  "10.1.2.1/24; fd00::ffff:ffff:ffff:ffff/64 " },
		{ "10.1.3.1", 102, "10.1.3.1 is in no range" },
		{ "10.1.2.7 10.1.3.1", 102, "10.1.3.1 is in no range" },
		{ "fd01::1", 102, "fd01::1 is in no range" },
		{ "10.1.2.7 10.1.2.8", 102, "10.1.2.8 is one more than" },
		{ "10.1.2.0", 102, "10.1.2.0 is the network's own" },
		{ "10.1.2.255", 102, "10.1.2.255 is the broadcast" },
		{ "fd00::", 102, "fd00:: is the network's own" },
		{ "fd00::1", 102, "fd00::1 is a gateway" },
		{ "10.2.2.1", 102, "10.2.2.1 is a gateway" },
		{ "10.1.2.2", 102, "10.1.2.2 is in ipam.hostRange" },
		{ "10.1.2.50", 102, "10.1.2.50 is one of ipam.addresses" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char buf[32];
		struct store_attachment a = contract_attachment(buf, 0);
		int r;

		begin("'range': '10.1.2.0/24', 'range_end': '10.1.2.230',"
		      " 'exclude': ['10.1.2.200'], 'reuseDelay': 0,"
		      " 'hostRange': '10.1.2.2/31', 'ranges': ["
		      "[{'subnet': 'fd00::/64'}], [{'subnet': '10.2.2.0/24',"
		      " 'rangeEnd': '10.2.2.2'}]],"
		      " 'addresses': [{'address': '10.1.2.50/24'}]");
		r = reserve(0, cases[i].asked);
		cr_expect_eq(err.code, cases[i].code, "%s: %s", cases[i].asked,
			     err.details);
		if (cases[i].code)
			cr_expect(strstr(err.details, cases[i].expected), "%s",
				  err.details);
		else
			cr_expect_eq(strncmp(given(), cases[i].expected,
					     strlen(cases[i].expected)),
				     0, "%s: %s", cases[i].asked, given());
		cr_expect_eq(ipam_release(ipam, &a, &err),
			     r == 0 ? 0 : IPAM_ABSENT);
		err = (struct error){ 0 };
		end();
	}
}

Test(ipam, a_nodes_address_is_nobodys_even_if_asked_for)
{
	struct inet_addr node;

	begin("'range': '10.1.2.0/24'");
	cr_assert(inet_addr_parse("10.1.2.9", &node));
	cr_assert_eq(ipam_config_reserve(&config, &node, 1, &err), 0);
	cr_expect_lt(reserve(0, "10.1.2.9"), 0);
	cr_expect_eq(err.code, ERROR_ADDRESS_INVALID);
	cr_expect(strstr(err.details, "10.1.2.9 is a node's address"), "%s",
		  err.details);
	end();
}

Test(ipam, a_taken_address_names_its_holder, .description = "AL-4")
{
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 1);
	struct inet_addr asked;

	begin("'range': '10.1.2.0/24'");
	cr_assert_eq(reserve(0, "10.1.2.5"), 0);
	cr_expect_lt(reserve(1, "10.1.2.5"), 0);
	cr_expect_eq(err.code, ERROR_ADDRESS_TAKEN);
	cr_expect_str_eq(err.details, "10.1.2.5 is held by container "
				      "container-0, net1 (network \"net\")");

	a.pod_namespace = "longhorn-system";
	a.pod_name = "engine-1";
	cr_assert(inet_addr_parse("10.1.2.6", &asked));
	cr_assert_eq(ipam_reserve(ipam, &a, &asked, 1, &result, &err), 0);
	cr_expect_lt(reserve(2, "10.1.2.6"), 0);
	cr_expect_str_eq(err.details, "10.1.2.6 is held by pod "
				      "longhorn-system/engine-1, net1 (network "
				      "\"net\")");
	end();
}

Test(ipam, exhaustion_says_where_and_how_many, .description = "AL-5")
{
	begin("'range': '10.1.2.0/29', 'exclude': ['10.1.2.4/30'],"
	      " 'pool': 'lh'");
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(reserve(i, ""), 0);
	cr_expect_lt(reserve(3, ""), 0);
	cr_expect_eq(err.code, ERROR_POOL_EXHAUSTED);
	cr_expect_str_eq(err.details, "pool \"lh\": range 10.1.2.0/29: every "
				      "one of 3 addresses is taken");
	end();
}

Test(ipam, exhaustion_names_all_alternatives, .description = "AL-5")
{
	begin("'ranges': [[{'subnet': '10.1.2.0/30'},"
	      " {'subnet': '10.2.2.0/24', 'rangeStart': '10.2.2.7',"
	      " 'rangeEnd': '10.2.2.7'}]]");
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(reserve(i, ""), 0);
	cr_expect_lt(reserve(3, ""), 0);
	cr_expect_str_eq(err.details,
			 "ranges 10.1.2.0/30, 10.2.2.7-10.2.2.7/24: every one "
			 "of 2 addresses is taken");
	end();
}

Test(ipam, an_attachment_goes_from_pending_to_live_to_gone)
{
	cleanup_store_records struct store_records records = { 0 };
	cleanup_store_record struct store_record record = { 0 };
	char buf[32];
	struct store_attachment a = contract_attachment(buf, 0);

	begin("'range': '10.1.2.0/24'");
	cr_expect_eq(ipam_find(ipam, &a, &record, &err), IPAM_ABSENT);
	cr_expect_eq(ipam_confirm(ipam, &a, &err), IPAM_ABSENT);
	cr_expect_eq(ipam_release(ipam, &a, &err), IPAM_ABSENT);
	cr_expect_eq(reserve(0, ""), 0);
	cr_expect_lt(reserve(0, ""), 0);
	cr_expect_eq(err.code, ERROR_AGAIN);
	cr_expect(strstr(err.details, "another ADD of container container-0"),
		  "%s", err.details);
	cr_expect_eq(ipam_confirm(ipam, &a, &err), 0);
	cr_expect_eq(reserve(0, ""), IPAM_LIVE);
	cr_expect_eq(ipam_find(ipam, &a, &record, &err), 0);
	cr_expect_eq(ipam_list(ipam, &records, &err), 0);
	cr_expect_eq(records.count, 1);
	cr_expect_eq(ipam_release(ipam, &a, &err), 0);
	cr_expect_eq(ipam_release(ipam, &a, &err), IPAM_ABSENT);
	end();
}

Test(ipam, status_says_what_would_stop_the_next_reservation)
{
	begin("'range': '10.1.2.0/30', 'reuseDelay': 3600");
	cr_expect_eq(ipam_status(ipam, NULL, &err), 0, "%s", err.details);
	cr_assert_eq(reserve(0, ""), 0);
	cr_assert_eq(reserve(1, ""), 0);
	cr_expect_lt(ipam_status(ipam, NULL, &err), 0);
	cr_expect_eq(err.code, ERROR_POOL_EXHAUSTED);
	cr_expect(strstr(err.details, "every one of 2 addresses"), "%s",
		  err.details);
	err = (struct error){ 0 };
	/* What only rests is given when nothing else is free. */
	cr_assert_eq(ipam_release(ipam,
				  &(struct store_attachment){
					  .network = "net",
					  .container_id = "container-0",
					  .ifname = "net1" },
				  &err),
		     0);
	cr_expect_eq(ipam_status(ipam, NULL, &err), 0);
	end();
}

Test(ipam, a_busy_store_is_a_usable_one)
{
	cleanup_close int lock = -1;
	uint64_t before;

	begin("'range': '10.1.2.0/24'");
	cr_assert_eq(reserve(0, ""), 0);
	cr_assert_eq(file_lock(local_dir_path("state/attachments.lock"), true,
			       0, &lock, &err),
		     0);
	before = file_boottime_ms();
	cr_expect_eq(ipam_status(ipam, NULL, &err), 0);
	cr_expect_lt(file_boottime_ms() - before, 4500);
	end();
}

Test(ipam, a_store_that_is_no_directory_is_not_available)
{
	cleanup_close int fd = -1;

	fd = open(local_dir_path("state"), O_CREAT | O_WRONLY, 0600);
	cr_assert_geq(fd, 0);
	begin("'range': '10.1.2.0/24'");
	cr_expect_lt(ipam_status(ipam, NULL, &err), 0);
	cr_expect_eq(err.code, ERROR_IO);
	cr_expect(strstr(err.details, local_dir_path("state")), "%s",
		  err.details);
	end();
}

Test(ipam, every_store_opens_without_asking_anybody)
{
	static const char *const stores[] = { "local", "kubernetes",
					      "whereabouts", "both" };

	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		char text[64];

		snprintf(text, sizeof(text),
			 "'range': '10.1.2.0/24', 'store': '%s'", stores[i]);
		contract_config(&config, text);
		free(config.node);
		config.node = strdup("k8s-1");
		cr_expect_eq(ipam_open(&config, true, &ipam, &err), 0, "%s: %s",
			     stores[i], err.details);
		ipam = ipam_close(ipam);
		ipam_config_clear(&config);
	}
}
