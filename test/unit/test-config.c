#include "lib/file.h"
#include "test/unit/read-config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(config, without_keys_has_the_reference_plugins_defaults)
{
	cleanup_config struct config config = { 0 };
	struct error err = { 0 };

	cr_assert_eq(read_keys("", &config, &err), 0, "%s", err.details);
	cr_expect_eq(config.version, VERSION_1_1_0);
	cr_expect_str_eq(config.name, "storage");
	cr_expect_str_eq(config.type, "hostshim");
	cr_expect_null(config.master);
	cr_expect_eq(config.mode, MACVLAN_MODE_BRIDGE);
	cr_expect_eq(config.mtu, 0);
	cr_expect_not(config.has_mac);
	cr_expect_not(config.link_in_container);
	cr_expect_eq(config.bc_queue_len, 0);
	cr_expect_not(config.vxlan.present);
	cr_expect_not(config.shim.present);
	cr_expect_eq(config.shim.mode, CONFIG_SHIM_AUTO);
	cr_expect_null(config.shim.name);
	cr_expect_eq(config.n_nodes, 0);
	cr_expect_not(config.result_shim);
	cr_expect_not(config.ipam.present);
	cr_expect_not(config.has_prev);
	cr_expect_not(config.has_valid_attachments);
}

Test(config, the_name_that_we_are_called_by_tells_the_role)
{
	static const struct {
		const char *program;
		const char *type;
		const char *ipam;
		enum config_role role;
	} cases[] = {
		{ "hostshim", "hostshim", "hostshim", CONFIG_ROLE_MAIN },
		{ "hostshim", "macvlan", "hostshim", CONFIG_ROLE_IPAM },
		{ "macvlan", "macvlan", "hostshim", CONFIG_ROLE_MAIN },
		{ "macvlan", "macvlan", "dhcp", CONFIG_ROLE_MAIN },
		{ "hostshim-2", "macvlan", "hostshim", CONFIG_ROLE_MAIN },
		{ "hostshim", "macvlan", "dhcp", CONFIG_ROLE_MAIN },
		{ "hostshim", "", "hostshim", CONFIG_ROLE_IPAM },
		{ NULL, "macvlan", "hostshim", CONFIG_ROLE_MAIN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };
		char text[256];
		struct request request = { .program = cases[i].program,
					   .verb = REQUEST_STATUS,
					   .config = text,
					   .args.mac = (char[]){ "" } };

		request.config_len = (size_t)snprintf(
			text, sizeof(text),
			"{ \"cniVersion\": \"1.1.0\", \"name\": \"n\", "
			"\"type\": \"%s\", \"ipam\": { \"type\": \"%s\", "
			"\"range\": \"10.1.2.0/24\" } }",
			cases[i].type, cases[i].ipam);
		cr_expect_eq(config_read(&request, &config, &err), 0, "%zu: %s",
			     i, err.details);
		cr_expect_eq(config.role, cases[i].role, "%zu", i);
	}
}

Test(config, a_delegate_of_our_own_name_is_refused)
{
	static const struct {
		const char *program;
		const char *type;
		const char *ipam;
		unsigned int code;
	} cases[] = {
		{ "x", "macvlan", "x", ERROR_UNSUPPORTED },
		{ "x", "x", "x", ERROR_UNSUPPORTED },
		{ "x", "macvlan", "a/x", ERROR_CONFIG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_config struct config config = { 0 };
		cleanup_config struct config deleted = { 0 };
		struct error err = { 0 };
		char text[256];
		struct request request = { .program = cases[i].program,
					   .verb = REQUEST_STATUS,
					   .config = text,
					   .args.mac = (char[]){ "" } };

		request.config_len = (size_t)snprintf(
			text, sizeof(text),
			"{ \"cniVersion\": \"1.1.0\", \"name\": \"n\", "
			"\"type\": \"%s\", \"ipam\": { \"type\": \"%s\" } }",
			cases[i].type, cases[i].ipam);
		cr_expect_lt(config_read(&request, &config, &err), 0);
		cr_expect_eq(err.code, cases[i].code, "%zu: %s", i,
			     err.details);
		request.verb = REQUEST_DEL;
		err = (struct error){ 0 };
		cr_expect_eq(config_read(&request, &deleted, &err), 0);
		cr_expect_not(deleted.ipam.present);
	}
}

Test(config, holds_every_key)
{
	static const char keys[] =
		"\"master\":\"vxlan-storage\",\"mode\":\"private\","
		"\"mtu\":8900,\"mac\":\"C2-11-22-33-44-55\","
		"\"linkInContainer\":false,\"bcqueuelen\":2000,"
		"\"vxlan\":{\"id\":100,\"port\":8472,\"learning\":false,"
		"\"ageing\":600,\"device\":\"lo\",\"mtu\":8950,\"ttl\":64},"
		"\"hostShim\":{\"name\":\"lhnet1-host\",\"mode\":\"always\","
		"\"address\":[\"10.100.1.9/24\",\"fd00::9/64\"],\"mtu\":8940,"
		"\"migrate\":true},"
		"\"nodes\":{\"k8s-1\":{\"vtep\":\"10.100.100.1\","
		"\"address\":\"10.100.1.1/24\"},"
		"\"k8s-2.example.org\":{\"vtep\":\"10.100.100.2\","
		"\"address\":[\"10.100.1.2/24\",\"fd00::2/64\"]},"
		"\"K8S_3\":{}},\"resultShim\":true,"
		"\"dns\":{\"nameservers\":[\"10.0.0.1\"]},"
		"\"ipam\":{\"type\":\"dhcp\"}";
	cleanup_config struct config config = { 0 };
	struct error err = { 0 };
	char mac[INET_MAC_TEXT];

	cr_assert_eq(read_keys(keys, &config, &err), 0, "%s", err.details);
	cr_expect_str_eq(config.master, "vxlan-storage");
	cr_expect_eq(config.mode, MACVLAN_MODE_PRIVATE);
	cr_expect_eq(config.mtu, 8900);
	cr_assert(config.has_mac);
	cr_expect_str_eq(inet_mac_format(&config.mac, mac),
			 "c2:11:22:33:44:55");
	cr_expect_eq(config.bc_queue_len, 2000);

	cr_expect(config.vxlan.present);
	cr_expect_eq(config.vxlan.id, 100);
	cr_expect_eq(config.vxlan.port, 8472);
	cr_expect_not(config.vxlan.learning);
	cr_expect_eq(config.vxlan.ageing, 600);
	cr_expect_str_eq(config.vxlan.device, "lo");
	cr_expect_eq(config.vxlan.mtu, 8950);
	cr_expect_eq(config.vxlan.ttl, 64);

	cr_expect(config.shim.present);
	cr_expect_str_eq(config.shim.name, "lhnet1-host");
	cr_expect_eq(config.shim.mode, CONFIG_SHIM_ALWAYS);
	cr_assert_eq(config.shim.n_addresses, 2);
	expect_prefix(&config.shim.addresses[1], "fd00::9/64");
	cr_expect_eq(config.shim.mtu, 8940);
	cr_expect(config.shim.migrate);

	cr_assert_eq(config.n_nodes, 3);
	cr_expect_str_eq(config.nodes[1].name, "k8s-2.example.org");
	expect_addr(&config.nodes[1].vtep, "10.100.100.2");
	cr_assert_eq(config.nodes[1].n_addresses, 2);
	expect_prefix(&config.nodes[1].addresses[0], "10.100.1.2/24");
	cr_expect_eq(config.nodes[2].vtep.family, 0);
	cr_expect_eq(config.nodes[2].n_addresses, 0);

	cr_expect(config.result_shim);
	cr_expect_eq(config.dns.n_nameservers, 1);
	cr_expect(config.ipam.present);
	cr_expect_str_eq(config.ipam.type, "dhcp");
}

Test(config, sections_have_their_defaults)
{
	cleanup_config struct config config = { 0 };
	struct error err = { 0 };

	cr_assert_eq(read_keys("\"master\":\"vx\",\"vxlan\":{\"id\":1},"
			       "\"hostShim\":{\"address\":\"auto\"}",
			       &config, &err),
		     0, "%s", err.details);
	cr_expect_eq(config.vxlan.port, 4789);
	cr_expect(config.vxlan.learning);
	cr_expect_eq(config.vxlan.ageing, 300);
	cr_expect_null(config.vxlan.device);
	cr_expect_eq(config.vxlan.mtu, 0);
	cr_expect_eq(config.vxlan.ttl, 0);
	cr_expect(config.shim.present);
	cr_expect_eq(config.shim.mode, CONFIG_SHIM_AUTO);
	cr_expect_eq(config.shim.n_addresses, 0);
	cr_expect_not(config.shim.migrate);
}

Test(config, ignores_what_runtimes_and_multus_put_there)
{
	cleanup_config struct config config = { 0 };
	struct error err = { 0 };

	cr_expect_eq(read_keys("\"capabilities\":{\"mac\":true},\"deviceID\":"
			       "\"x\",\"pciBusID\":\"y\",\"cni.dev/x\":1,"
			       "\"MTU\":9000,\"mode\":\"\",\"master\":\"\","
			       "\"mac\":\"\",\"vxlan\":null,\"ipam\":{},"
			       "\"runtimeConfig\":{\"portMappings\":[],"
			       "\"mac\":null},\"args\":{\"labels\":[]}",
			       &config, &err),
		     0, "%s", err.details);
	cr_expect_eq(config.mtu, 9000);
	cr_expect_null(config.master);
	cr_expect_not(config.has_mac);
	cr_expect_not(config.vxlan.present);
	cr_expect_not(config.ipam.present);
}

/* What is found in the field, only "type" changed, or not even that. */
Test(config, documents_of_the_field_are_read)
{
	static const char *const names[] = {
		"longhorn-whereabouts", "overlay",       "macvlan-host-local",
		"macvlan-l2",           "default-route",
	};
	const char *source = getenv("HOSTSHIM_SOURCE");

	cr_assert_not_null(source, "HOSTSHIM_SOURCE is not set");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_config struct config config = { 0 };
		cleanup_free char *text = NULL;
		struct error err = { 0 };
		char path[512];

		snprintf(path, sizeof(path), "%s/test/data/config/%s.json",
			 source, names[i]);
		cr_assert_eq(file_read(path, 65536, &text, NULL, &err), 0,
			     "%s: %s", path, err.details);
		cr_expect_eq(read_document(text, REQUEST_ADD, &config, &err), 0,
			     "%s: %s", names[i], err.details);
	}
}

Test(config, complaints_come_in_the_order_of_the_specification)
{
	static const struct {
		const char *text;
		enum request_verb verb;
		unsigned int code;
		const char *details;
	} cases[] = {
		{ "", REQUEST_ADD, ERROR_DECODE, "stdin" },
		{ "{\"cniVersion\":\"1.1.0\"", REQUEST_ADD, ERROR_DECODE,
		  "stdin" },
		{ "{} x", REQUEST_ADD, ERROR_DECODE, "stdin" },
		{ "[]", REQUEST_ADD, ERROR_DECODE, "object" },
		{ "null", REQUEST_ADD, ERROR_DECODE, "object" },
		{ "{}", REQUEST_ADD, ERROR_CONFIG, "name" },
		{ "{\"cniVersion\":\"foo\"}", REQUEST_ADD, ERROR_CONFIG,
		  "name" },
		{ "{\"name\":\"\",\"cniVersion\":\"1.1.0\"}", REQUEST_ADD,
		  ERROR_CONFIG, "name" },
		{ "{\"name\":\"a b\"}", REQUEST_ADD, ERROR_CONFIG, "a b" },
		{ "{\"name\":\"../x\"}", REQUEST_DEL, ERROR_CONFIG, "../x" },
		{ "{\"name\":7}", REQUEST_ADD, ERROR_CONFIG, "name" },
		{ "{\"name\":\"n\",\"cniVersion\":\"foo\"}", REQUEST_CHECK,
		  ERROR_DECODE, "cniVersion: \"foo\"" },
		{ "{\"name\":\"n\",\"cniVersion\":1.1}", REQUEST_ADD,
		  ERROR_DECODE, "cniVersion" },
		{ "{\"name\":\"n\",\"cniVersion\":\"9.8.7\",\"mtu\":-1}",
		  REQUEST_ADD, ERROR_VERSION, "9.8.7" },
		{ "{\"name\":\"n\",\"cniVersion\":\"1.0\"}", REQUEST_DEL,
		  ERROR_VERSION, VERSION_LIST },
		{ "{\"name\":\"n\",\"cniVersion\":\"0.3.1\",\"mtu\":-1}",
		  REQUEST_CHECK, ERROR_VERSION, "CHECK" },
		{ "{\"name\":\"n\"}", REQUEST_CHECK, ERROR_VERSION, "0.1.0" },
		{ "{\"name\":\"n\",\"cniVersion\":\"1.0.0\",\"mtu\":-1}",
		  REQUEST_GC, ERROR_VERSION, "GC" },
		{ "{\"name\":\"n\",\"cniVersion\":\"1.0.0\"}", REQUEST_STATUS,
		  ERROR_VERSION, "STATUS" },
		{ "{\"name\":\"n\",\"cniVersion\":\"0.4.0\",\"mtu\":-1}",
		  REQUEST_CHECK, ERROR_CONFIG, "mtu" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };

		cr_expect_lt(read_document(cases[i].text, cases[i].verb,
					   &config, &err),
			     0, "%s", cases[i].text);
		cr_expect_eq(err.code, cases[i].code, "%s: %u %s",
			     cases[i].text, err.code, err.details);
		cr_expect_not_null(strstr(err.details, cases[i].details),
				   "%s: %s", cases[i].text, err.details);
	}
}

Test(config, without_a_version_is_of_the_first, .description = "SK-11")
{
	static const char *const texts[] = {
		"{\"name\":\"n\"}",
		"{\"name\":\"n\",\"cniVersion\":\"\"}",
		"{\"name\":\"n\",\"cniVersion\":null}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };

		cr_expect_eq(read_document(texts[i], REQUEST_ADD, &config,
					   &err),
			     0, "%s", err.details);
		cr_expect_eq(config.version, VERSION_0_1_0);
	}
}

Test(config, a_failure_knows_the_version_to_answer_in)
{
	static const struct {
		const char *text;
		enum version version;
	} cases[] = {
		{ "{\"cniVersion\":\"0.3.1\"}", VERSION_0_3_1 },
		{ "{\"cniVersion\":\"0.4.0\",\"name\":\"n\",\"mtu\":\"x\"}",
		  VERSION_0_4_0 },
		{ "{\"cniVersion\":\"7.0.0\",\"name\":\"n\"}", VERSION_NEWEST },
		{ "nonsense", VERSION_NEWEST },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };

		cr_expect_lt(read_document(cases[i].text, REQUEST_ADD, &config,
					   &err),
			     0);
		cr_expect_eq(config.version, cases[i].version, "%s",
			     cases[i].text);
	}
}
