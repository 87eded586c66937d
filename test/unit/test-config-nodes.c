#include "test/unit/read-config.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the node table in a file ---------------------------------------------- */

static char dir[] = "/tmp/test-config-XXXXXX";

static void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
}

static void drop_dir(void)
{
	static const char *const names[] = { "nodes.json", "fifo" };
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	cr_expect_eq(rmdir(dir), 0);
}

static void write_table(const char *text)
{
	cleanup_close int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "%s/nodes.json", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static int read_table(const char *name, struct config *ret, struct error *err)
{
	char keys[128];

	snprintf(keys, sizeof(keys), "\"nodes\":\"%s/%s\"", dir, name);
	return read_keys(keys, ret, err);
}

TestSuite(config_file, .init = make_dir, .fini = drop_dir);

Test(config_file, holds_the_same_table)
{
	cleanup_config struct config config = { 0 };
	struct error err = { 0 };

	write_table("{\"a\":{\"vtep\":\"10.0.0.1\"},\"b\":{}}\n");
	cr_assert_eq(read_table("nodes.json", &config, &err), 0, "%s",
		     err.details);
	cr_assert_eq(config.n_nodes, 2);
	expect_addr(&config.nodes[0].vtep, "10.0.0.1");
}

Test(config_file, its_mistakes_name_the_file_and_the_place)
{
	static const struct {
		const char *text;
		const char *place;
	} cases[] = {
		{ "", "nodes.json" },
		{ "root:secret:0:0", "nodes.json" },
		{ "[]", "object" },
		{ "{\"a\":{\"vtep\":\"x\"}}", "nodes.json: a.vtep" },
		{ "{\"a\":{\"b\":1}}", "a.b" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };

		write_table(cases[i].text);
		cr_expect_lt(read_table("nodes.json", &config, &err), 0, "%s",
			     cases[i].text);
		cr_expect_eq(err.code, ERROR_CONFIG);
		cr_expect_not_null(strstr(err.details, "nodes: "));
		cr_expect_not_null(strstr(err.details, cases[i].place), "%s",
				   err.details);
		cr_expect_null(strstr(err.details, "secret"), "%s",
			       err.details);
	}
}

Test(config_file, is_a_file_with_an_absolute_path)
{
	static const char *const names[] = { "absent", "fifo", "." };
	char path[64];

	snprintf(path, sizeof(path), "%s/fifo", dir);
	cr_assert_eq(mkfifo(path, 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };

		cr_expect_lt(read_table(names[i], &config, &err), 0, "%s",
			     names[i]);
		cr_expect_eq(err.code, ERROR_CONFIG);
	}
	for (size_t i = 0; i < 2; i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };

		cr_expect_lt(read_keys(i ? "\"nodes\":\"nodes.json\""
					 : "\"nodes\":\"\"",
				       &config, &err),
			     0);
		cr_expect_eq(err.code, ERROR_CONFIG);
		cr_expect_not_null(strstr(err.details, "absolute"));
	}
}

/* --- what follows from several keys ------------------------------------------ */

Test(config, no_pod_gets_what_a_node_has)
{
	cleanup_config struct config config = { 0 };
	struct error err = { 0 };
	struct inet_addr node = { 0 };
	const struct range_set *set;

	cr_assert_eq(
		read_keys("\"nodes\":{\"a\":{\"address\":\"10.1.0.5/24\"}}"
			  ",\"hostShim\":{\"address\":\"10.1.0.6/24\"}," IPAM(
				  "\"range\":\"10.1.0.0/24\","
				  "\"gateway\":\"10.1.0.7\""),
			  &config, &err),
		0, "%s", err.details);
	set = &config.ipam.sets[0].ranges[0].candidates;
	for (unsigned int host = 4; host < 9; host++) {
		char text[INET_ADDR_TEXT];
		bool given = host < 5 || host > 7;

		snprintf(text, sizeof(text), "10.1.0.%u", host);
		cr_assert(inet_addr_parse(text, &node));
		cr_expect_eq(range_set_contains(set, inet_addr_to_uint(&node)),
			     given, "%s", text);
	}
}

Test(config, a_nodes_own_part_of_the_subnet_is_accepted)
{
	static const char *const cases[] = {
		NODES_2 "," IPAM("\"range\":\"10.100.1.64-10.100.1.127/24\""),
		NODES_2 "," IPAM("\"range\":\"10.100.1.0/24\",\"range_start\":"
				 "\"10.100.1.64\",\"range_end\":"
				 "\"10.100.1.127\""),
		NODES_2 "," IPAM("\"range\":\"10.100.1.64/26\""),
		NODES_2 "," IPAM("\"range\":\"10.100.1.0/26\""),
		NODES_2 "," IPAM("\"range\":\"10.100.1.0/24\",\"shared\":true"),
		NODES_2 "," IPAM("\"range\":\"10.200.1.0/24\""),
		"\"nodes\":{\"a\":{\"address\":\"10.100.1.1/24\"},\"b\":{}}," IPAM(
			"\"range\":\"10.100.1.0/24\""),
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };

		cr_expect_eq(read_keys(cases[i], &config, &err), 0, "%s: %s",
			     cases[i], err.details);
	}
}

Test(config, where_no_shim_can_be_none_is_wanted)
{
	static const struct {
		const char *keys;
		enum config_shim_mode mode;
	} cases[] = {
		{ "", CONFIG_SHIM_AUTO },
		{ "\"mode\":\"passthru\"", CONFIG_SHIM_NEVER },
		{ "\"linkInContainer\":true", CONFIG_SHIM_NEVER },
		{ "\"mode\":\"passthru\",\"hostShim\":{\"mode\":\"never\"}",
		  CONFIG_SHIM_NEVER },
		{ "\"mode\":\"vepa\",\"hostShim\":{}", CONFIG_SHIM_AUTO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };

		cr_assert_eq(read_keys(cases[i].keys, &config, &err), 0,
			     "%s: %s", cases[i].keys, err.details);
		cr_expect_eq(config.shim.mode, cases[i].mode, "%s",
			     cases[i].keys);
	}
}

Test(config, a_shims_name_follows_from_the_parents)
{
	char a[IFNAMSIZ], b[IFNAMSIZ];

	cr_expect_str_eq(config_shim_name("ens4", a), "hs-ens4");
	cr_expect_str_eq(config_shim_name("123456789012", a),
			 "hs-123456789012");
	config_shim_name("vxlan-storage-a", a);
	config_shim_name("vxlan-storage-b", b);
	cr_expect_str_neq(a, b);
	cr_expect(request_ifname_is_valid(a), "%s", a);
	cr_expect_eq(strncmp(a, "hs-vxlan-s-", 11), 0, "%s", a);
	cr_expect_eq(strlen(a), 15);
}
