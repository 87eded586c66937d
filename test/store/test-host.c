#include "test/store/contract.h"

#include "ipam/host.h"
#include "lib/file.h"
#include "test/store/local-dir.h"

#include <stdio.h>
#include <string.h>

/* The node's own address out of ipam.hostRange, and its memory. */

const struct contract_fixture contract_fixture = {
	.name = "local",
	.init = local_dir_init,
	.fini = local_dir_fini,
	.keys = local_dir_keys,
	.open = local_dir_open,
};

static unsigned int boot;

int __wrap_file_boot_id(char ret[static FILE_BOOT_ID_TEXT], struct error *err);

int __wrap_file_boot_id(char ret[static FILE_BOOT_ID_TEXT], struct error *err)
{
	(void)err;
	snprintf(ret, FILE_BOOT_ID_TEXT, "boot-%u", boot);
	return 0;
}

TestSuite(host, .init = local_dir_init, .fini = local_dir_fini);

#define RANGE "'range': '10.1.2.0/24', 'exclude': ['10.1.2.0/26']"

static struct error err;
static char text[4 * INET_PREFIX_TEXT];

static int claim_as(const char *node, const char *members)
{
	const struct ipam_host host = { .node = node };
	struct ipam_host_addresses found = { .count = 0 };
	struct ipam_config config = { 0 };
	int r;

	err = (struct error){ 0 };
	contract_config(&config, members);
	r = ipam_host_claim(&config, &host, &found, &err);
	*text = '\0';
	for (size_t i = 0; i < found.count && r == 0; i++) {
		char one[INET_PREFIX_TEXT];

		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s%s", i ? " " : "",
			 inet_prefix_format(&found.items[i], one));
	}
	ipam_config_clear(&config);
	return r;
}

static int claim(const char *members)
{
	return claim_as("node-1", members);
}

static void expect(const char *members, const char *addresses)
{
	cr_expect_eq(claim(members), 0, "%s: %s", members, err.details);
	cr_expect_str_eq(text, addresses, "%s: %s", members, text);
}

static void expect_refused(const char *members, const char *word)
{
	cr_expect_lt(claim(members), 0, "%s: %s", members, text);
	cr_expect_eq(err.code, ERROR_CONFIG, "%s: %s", members, err.details);
	cr_expect(strstr(err.details, word), "%s: %s", members, err.details);
}

#define HOSTS(range) RANGE ", 'hostRange': '" range "'"

Test(host, the_index_counts_usable_addresses_from_zero)
{
	expect(HOSTS("10.1.2.0/28") ", 'hostIndex': 0", "10.1.2.1/24");
	expect(HOSTS("10.1.2.0/28") ", 'hostIndex': 14", "10.1.2.15/24");
	expect_refused(HOSTS("10.1.2.0/28") ", 'hostIndex': 15", "0 to 14");
	expect(HOSTS("10.1.2.0/28") ", 'gateway': '10.1.2.1', 'hostIndex': 0",
	       "10.1.2.2/24");
	expect(HOSTS("10.1.2.5-10.1.2.9/24") ", 'hostIndex': 4", "10.1.2.9/24");
	expect_refused(HOSTS("10.1.2.5-10.1.2.9/24") ", 'hostIndex': 5",
		       "0 to 4");
	expect("'range': '10.1.2.0/25', 'hostRange': '10.1.2.120-10.1.2.127/25',"
	       "'hostIndex': 6",
	       "10.1.2.126/25");
	expect_refused("'range': '10.1.2.0/25', 'hostRange': "
		       "'10.1.2.120-10.1.2.127/25', 'hostIndex': 7",
		       "out of range");
}

Test(host, each_family_has_its_own_address)
{
	expect("'range': '10.1.2.0/24', 'ipRanges': [{'range': 'fd00::/64'}], "
	       "'hostRange': ['10.1.2.0/28', 'fd00::/120'], 'hostIndex': 3",
	       "10.1.2.4/24 fd00::4/64");
}

Test(host, a_range_that_no_node_could_bear_is_told_as_that)
{
#define NOBODYS HOSTS("10.1.2.1-10.1.2.1/24") ", 'gateway': '10.1.2.1'"
	expect_refused(NOBODYS, "no address that a node could bear");
	expect_refused(NOBODYS ", 'hostIndex': 0",
		       "no address that a node could bear");
}

Test(host, without_an_index_it_says_what_to_write)
{
	expect_refused(HOSTS("10.1.2.0/28"), "\"hostIndex\"");
	cr_expect(strstr(err.details, "0 to 14"), "%s", err.details);
	cr_expect(strstr(err.details, "row of \"node-1\""), "%s", err.details);
}

Test(host, what_was_claimed_is_had_again_after_any_reboot)
{
	expect(HOSTS("10.1.2.0/28") ", 'hostIndex': 3", "10.1.2.4/24");
	boot++;
	expect(HOSTS("10.1.2.0/28"), "10.1.2.4/24");
	boot++;
	expect(HOSTS("10.1.2.0/28"), "10.1.2.4/24");
}

Test(host, a_changed_index_wins_and_is_remembered)
{
	expect(HOSTS("10.1.2.0/28") ", 'hostIndex': 3", "10.1.2.4/24");
	expect(HOSTS("10.1.2.0/28") ", 'hostIndex': 5", "10.1.2.6/24");
	expect(HOSTS("10.1.2.0/28"), "10.1.2.6/24");
}

Test(host, memory_is_per_node_pool_and_network)
{
	expect(HOSTS("10.1.2.0/28") ", 'hostIndex': 3", "10.1.2.4/24");
	cr_expect_lt(claim_as("node-2", HOSTS("10.1.2.0/28")), 0);
	cr_expect_eq(err.code, ERROR_CONFIG);
	expect_refused(HOSTS("10.1.2.0/28") ", 'pool': 'b'", "hostIndex");
	expect_refused("'range': '10.1.3.0/24', 'hostRange': '10.1.3.0/28'",
		       "hostIndex");
	expect(HOSTS("10.1.2.0/28"), "10.1.2.4/24");
}

Test(host, what_the_range_lost_is_not_given_from_memory)
{
	expect(HOSTS("10.1.2.0/28") ", 'hostIndex': 9", "10.1.2.10/24");
	expect_refused(HOSTS("10.1.2.0/29"), "10.1.2.10/24, which this node");
	expect_refused(HOSTS("10.1.2.0/28") ", 'gateway': '10.1.2.10'",
		       "hostIndex");
}

Test(host, looking_writes_nothing)
{
	const struct ipam_host host = { .node = "node-1" };
	struct ipam_host_addresses found;
	struct ipam_config config = { 0 };

	contract_config(&config, HOSTS("10.1.2.0/28") ", 'hostIndex': 3");
	cr_expect_eq(ipam_host_find(&config, &host, &found, &err), 0);
	cr_expect_eq(found.count, 1);
	cr_expect_lt(access(local_dir_path("data"), F_OK), 0);
	ipam_config_clear(&config);
	expect_refused(HOSTS("10.1.2.0/28"), "hostIndex");
}

Test(host, only_another_index_makes_an_address_a_former_one)
{
	static const struct {
		const char *members;
		const char *addr;
		bool former;
	} cases[] = {
		{ HOSTS("10.1.2.0/28") ", 'hostIndex': 3", "10.1.2.4", false },
		{ HOSTS("10.1.2.0/28") ", 'hostIndex': 3", "10.1.2.5", true },
		{ HOSTS("10.1.2.0/28") ", 'hostIndex': 3", "10.1.2.99", false },
		{ HOSTS("10.1.2.0/28"), "10.1.2.5", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ipam_config config = { 0 };
		struct inet_addr addr;

		contract_config(&config, cases[i].members);
		cr_assert(inet_addr_parse(cases[i].addr, &addr));
		cr_expect_eq(ipam_host_is_former(&config, &addr),
			     cases[i].former, "%zu", i);
		ipam_config_clear(&config);
	}
}

static void damage(void)
{
	cr_assert_eq(truncate(local_dir_path("data/hosts.mdb"), 100), 0);
}

static int count_aside(const char *where)
{
	cleanup_free char *command = NULL;
	FILE *out;
	int n = -1;

	cr_assert_gt(asprintf(&command, "ls %s | grep -c damaged", where), 0);
	out = popen(command, "r");
	cr_assert_eq(fscanf(out, "%d", &n), 1);
	pclose(out);
	return n;
}

Test(host, a_damaged_memory_is_kept_aside_and_begun_anew)
{
	expect(HOSTS("10.1.2.0/28") ", 'hostIndex': 3", "10.1.2.4/24");
	damage();
	cr_expect_lt(claim(HOSTS("10.1.2.0/28")), 0);
	cr_expect_eq(err.code, ERROR_STORE, "%s", err.details);
	cr_expect(strstr(err.details, "give the address"), "%s", err.details);
	expect(HOSTS("10.1.2.0/28") ", 'hostIndex': 3", "10.1.2.4/24");
	cr_expect_eq(count_aside(local_dir_path("data")), 1);
	expect(HOSTS("10.1.2.0/28"), "10.1.2.4/24");

	for (int i = 0; i < 6; i++) {
		damage();
		expect(HOSTS("10.1.2.0/28") ", 'hostIndex': 3", "10.1.2.4/24");
	}
	cr_expect_eq(count_aside(local_dir_path("data")), 3);
}
