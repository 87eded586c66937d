#include "plugin/config.h"

#include "lib/file.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HEAD                                                                   \
	"\"cniVersion\":\"1.1.0\",\"name\":\"storage\",\"type\":\"hostshim\""

/* A document around @keys, read for @verb. */
static int read_with(const char *keys, enum request_verb verb,
		     const char *args_mac, const char *args_ip,
		     struct config *ret, struct error *err)
{
	struct inet_addr ip = { 0 };
	char mac[64] = "";
	char text[8192];
	struct request request = { .verb = verb, .config = text };

	if (args_mac)
		snprintf(mac, sizeof(mac), "%s", args_mac);
	request.args.mac = mac;
	if (args_ip) {
		cr_assert(inet_addr_parse(args_ip, &ip));
		request.args.ips = &ip;
		request.args.n_ips = 1;
	}
	snprintf(text, sizeof(text), "{" HEAD "%s%s}", *keys ? "," : "", keys);
	request.config_len = strlen(text);
	return config_read(&request, ret, err);
}

static int read_keys(const char *keys, struct config *ret, struct error *err)
{
	return read_with(keys, REQUEST_ADD, NULL, NULL, ret, err);
}

/* The whole document is @text. */
static int read_document(const char *text, enum request_verb verb,
			 struct config *ret, struct error *err)
{
	cleanup_free char *copy = strdup(text);
	const struct request request = { .verb = verb,
					 .config = copy,
					 .config_len = strlen(text),
					 .args.mac = (char[]){ "" } };

	return config_read(&request, ret, err);
}

static void expect_addr(const struct inet_addr *got, const char *want)
{
	char text[INET_ADDR_TEXT];

	cr_expect_str_eq(inet_addr_format(got, text), want);
}

static void expect_prefix(const struct inet_prefix *got, const char *want)
{
	char text[INET_PREFIX_TEXT];

	cr_expect_str_eq(inet_prefix_format(got, text), want);
}

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

#define NODES_2                                                                \
	"\"nodes\":{\"a\":{\"vtep\":\"10.0.0.1\",\"address\":"                 \
	"\"10.100.1.1/24\"},\"b\":{\"vtep\":\"10.0.0.2\",\"address\":"         \
	"\"10.100.1.2/24\"}}"
#define IPAM(keys) "\"ipam\":{\"type\":\"hostshim\"," keys "}"

static const struct {
	const char *keys;
	unsigned int code;
	const char *details;
} mistakes[] = {
	/* the wrong type */
	{ "\"master\":5", ERROR_CONFIG, "master" },
	{ "\"mtu\":\"1500\"", ERROR_CONFIG, "mtu" },
	{ "\"mtu\":1500.0", ERROR_CONFIG, "mtu" },
	{ "\"linkInContainer\":\"true\"", ERROR_CONFIG, "linkInContainer" },
	{ "\"bcqueuelen\":-1", ERROR_CONFIG, "bcqueuelen" },
	{ "\"vxlan\":true", ERROR_CONFIG, "vxlan" },
	{ "\"hostShim\":[]", ERROR_CONFIG, "hostShim" },
	{ "\"nodes\":[]", ERROR_CONFIG, "nodes" },
	{ "\"nodes\":{\"a\":null}", ERROR_CONFIG, "nodes.a" },
	{ "\"nodes\":{\"a\":\"10.0.0.1\"}", ERROR_CONFIG, "nodes.a" },
	{ "\"resultShim\":1", ERROR_CONFIG, "resultShim" },
	{ "\"dns\":[]", ERROR_CONFIG, "dns" },
	{ "\"ipam\":\"hostshim\"", ERROR_CONFIG, "ipam" },
	{ "\"mac\":1", ERROR_CONFIG, "mac" },
	{ "\"runtimeConfig\":[]", ERROR_CONFIG, "runtimeConfig" },
	{ "\"runtimeConfig\":{\"mac\":1}", ERROR_CONFIG, "runtimeConfig.mac" },
	{ "\"runtimeConfig\":{\"ips\":\"10.0.0.1\"}", ERROR_CONFIG,
	  "runtimeConfig.ips" },
	{ "\"args\":{\"cni\":{\"ips\":[7]}}", ERROR_CONFIG, "args.cni.ips[0]" },
	{ "\"runtimeConfig\":{\"dns\":{\"servers\":[1]}}", ERROR_CONFIG,
	  "runtimeConfig.dns.servers[0]" },
	{ "\"prevResult\":[]", ERROR_CONFIG, "prevResult" },

	/* values that cannot be */
	{ "\"master\":\"../../x\"", ERROR_CONFIG, "../../x" },
	{ "\"master\":\"a b\"", ERROR_CONFIG, "master: \"a b\"" },
	{ "\"mode\":\"source\"", ERROR_UNSUPPORTED, "mode: \"source\"" },
	{ "\"mode\":\"Bridge\"", ERROR_UNSUPPORTED, "mode: \"Bridge\"" },
	{ "\"mtu\":-1", ERROR_CONFIG, "mtu" },
	{ "\"mtu\":67", ERROR_CONFIG, "mtu: 67" },
	{ "\"mtu\":65536", ERROR_CONFIG, "mtu" },
	{ "\"mac\":\"banana\"", ERROR_CONFIG, "mac: \"banana\"" },
	{ "\"mac\":\"01:00:5e:00:00:01\"", ERROR_CONFIG, "01:00:5e" },
	{ "\"mac\":\"00:00:00:00:00:00\"", ERROR_CONFIG, "mac" },
	{ "\"mac\":\"00:00:5e:00:53:01:02:03\"", ERROR_CONFIG, "mac" },
	{ "\"runtimeConfig\":{\"mac\":\"x\"}", ERROR_CONFIG,
	  "runtimeConfig.mac: \"x\"" },
	{ "\"runtimeConfig\":{\"ips\":[\"10.1\"]}", ERROR_CONFIG,
	  "runtimeConfig.ips[0]: \"10.1\"" },
	{ "\"vxlan\":{}", ERROR_CONFIG, "vxlan.id" },
	{ "\"vxlan\":{\"id\":0}", ERROR_CONFIG, "vxlan.id" },
	{ "\"vxlan\":{\"id\":16777216}", ERROR_CONFIG, "vxlan.id" },
	{ "\"vxlan\":{\"id\":1,\"port\":0}", ERROR_CONFIG, "vxlan.port" },
	{ "\"vxlan\":{\"id\":1,\"port\":65536}", ERROR_CONFIG, "vxlan.port" },
	{ "\"vxlan\":{\"id\":1,\"ageing\":119}", ERROR_CONFIG, "vxlan.ageing" },
	{ "\"vxlan\":{\"id\":1,\"ttl\":256}", ERROR_CONFIG, "vxlan.ttl" },
	{ "\"vxlan\":{\"id\":1,\"mtu\":60}", ERROR_CONFIG, "vxlan.mtu" },
	{ "\"vxlan\":{\"id\":1,\"device\":\"a/b\"}", ERROR_CONFIG,
	  "vxlan.device" },
	{ "\"hostShim\":{\"name\":\"1234567890123456\"}", ERROR_CONFIG,
	  "hostShim.name" },
	{ "\"hostShim\":{\"name\":\"hs%d\"}", ERROR_CONFIG, "hs%d" },
	{ "\"hostShim\":{\"mode\":\"perhaps\"}", ERROR_UNSUPPORTED,
	  "hostShim.mode: \"perhaps\"" },
	{ "\"hostShim\":{\"address\":\"10.1.2.3\"}", ERROR_CONFIG,
	  "hostShim.address" },
	{ "\"hostShim\":{\"address\":\"10.1.2.0/24\"}", ERROR_CONFIG,
	  "10.1.2.0/24" },
	{ "\"hostShim\":{\"address\":\"10.1.2.255/24\"}", ERROR_CONFIG,
	  "10.1.2.255/24" },
	{ "\"hostShim\":{\"address\":\"127.0.0.1/8\"}", ERROR_CONFIG,
	  "127.0.0.1/8" },
	{ "\"hostShim\":{\"address\":\"224.0.0.5/8\"}", ERROR_CONFIG,
	  "224.0.0.5/8" },
	{ "\"hostShim\":{\"address\":\"fd00::/64\"}", ERROR_CONFIG,
	  "fd00::/64" },
	{ "\"hostShim\":{\"address\":\"10.1.2.3/0\"}", ERROR_CONFIG,
	  "10.1.2.3/0" },
	{ "\"hostShim\":{\"address\":[\"auto\"]}", ERROR_CONFIG,
	  "hostShim.address[0]" },
	{ "\"hostShim\":{\"address\":[\"10.1.2.3/24\",\"10.1.3.3/24\"]}",
	  ERROR_CONFIG, "hostShim.address[1]: \"10.1.3.3/24\"" },

	/* a typing error must not become a silent default */
	{ "\"vxlan\":{\"id\":1,\"vni\":2}", ERROR_CONFIG, "vxlan.vni" },
	{ "\"hostShim\":{\"adress\":\"10.1.2.3/24\"}", ERROR_CONFIG,
	  "hostShim.adress" },
	{ "\"nodes\":{\"a\":{\"vetp\":\"10.0.0.1\"}}", ERROR_CONFIG,
	  "nodes.a.vetp" },

	/* rows */
	{ "\"nodes\":{\"\":{}}", ERROR_CONFIG, "nodes" },
	{ "\"nodes\":{\"a/b\":{}}", ERROR_CONFIG, "a/b" },
	{ "\"nodes\":{\"a\":{\"vtep\":\"10.0.0.1/32\"}}", ERROR_CONFIG,
	  "nodes.a.vtep" },
	{ "\"nodes\":{\"a\":{\"vtep\":\"0.0.0.0\"}}", ERROR_CONFIG,
	  "nodes.a.vtep" },
	{ "\"nodes\":{\"a\":{\"address\":\"auto\"}}", ERROR_CONFIG,
	  "nodes.a.address" },
	{ "\"nodes\":{\"a\":{},\"b\":{},\"a\":{}}", ERROR_CONFIG,
	  "a has two rows" },
	{ "\"nodes\":{\"a\":{\"vtep\":\"10.0.0.1\"},\"b\":{},"
	  "\"c\":{\"vtep\":\"10.0.0.1\"}}",
	  ERROR_CONFIG, "the same VTEP 10.0.0.1" },
	{ "\"nodes\":{\"a\":{\"vtep\":\"10.0.0.1\"},"
	  "\"b\":{\"vtep\":\"fd00::1\"}}",
	  ERROR_CONFIG, "a and b are of two families" },
	{ "\"nodes\":{\"a\":{\"address\":\"10.1.0.1/24\"},"
	  "\"b\":{\"address\":[\"fd00::1/64\",\"10.1.0.1/16\"]}}",
	  ERROR_CONFIG, "the same address 10.1.0.1" },

	/* keys that contradict each other */
	{ "\"mode\":\"passthru\",\"hostShim\":{}", ERROR_UNSUPPORTED,
	  "passthru" },
	{ "\"linkInContainer\":true,\"hostShim\":{}", ERROR_UNSUPPORTED,
	  "linkInContainer" },
	{ "\"vxlan\":{\"id\":1}", ERROR_CONFIG, "master" },
	{ "\"master\":\"12345678901234567\",\"vxlan\":{\"id\":1}", ERROR_CONFIG,
	  "master" },
	{ "\"master\":\"vx\",\"linkInContainer\":true,\"vxlan\":{\"id\":1}",
	  ERROR_UNSUPPORTED, "linkInContainer" },
	{ "\"master\":\"vx\",\"vxlan\":{\"id\":1,\"device\":\"vx\"}",
	  ERROR_CONFIG, "vxlan.device" },
	{ "\"master\":\"vx\",\"hostShim\":{\"name\":\"vx\"}", ERROR_CONFIG,
	  "hostShim.name" },
	{ "\"master\":\"vx\",\"mtu\":9000,\"vxlan\":{\"id\":1,\"mtu\":8950}",
	  ERROR_CONFIG, "mtu: 9000 is above vxlan.mtu, 8950" },
	{ "\"mtu\":1279," IPAM("\"range\":\"fd00::/64\""), ERROR_CONFIG,
	  "mtu: 1279" },
	{ "\"hostShim\":{\"mtu\":1000,\"address\":\"fd00::1/64\"}",
	  ERROR_CONFIG, "hostShim.mtu: 1000" },
	{ NODES_2 "," IPAM("\"range\":\"10.100.1.64-10.100.1.127/24\","
			   "\"addresses\":[{\"address\":\"10.100.1.2/24\"}]"),
	  ERROR_CONFIG, "10.100.1.2 is a node's" },

	/* several nodes, one range, and nobody who knows them all */
	{ NODES_2 "," IPAM("\"range\":\"10.100.1.0/24\""), ERROR_CONFIG,
	  "ipam.store" },
	{ NODES_2 "," IPAM("\"range\":\"10.100.1.0/24\","
			   "\"exclude\":[\"10.100.1.0/28\"]"),
	  ERROR_CONFIG, "2 nodes in 10.100.1.0/24" },
	{ NODES_2 "," IPAM("\"range\":\"10.100.1.16-10.100.1.254/24\""),
	  ERROR_CONFIG, "range_start" },
};

Test(config, every_mistake_has_its_class_and_place)
{
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };

		cr_expect_lt(read_keys(mistakes[i].keys, &config, &err), 0,
			     "%s", mistakes[i].keys);
		cr_expect_eq(err.code, mistakes[i].code, "%s: %u %s",
			     mistakes[i].keys, err.code, err.details);
		cr_expect_not_null(strstr(err.details, mistakes[i].details),
				   "%s: %s", mistakes[i].keys, err.details);
	}
}

Test(config, no_mistake_keeps_a_pod_from_being_deleted)
{
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		cleanup_config struct config config = { 0 };
		struct error err = { 0 };

		cr_expect_eq(read_with(mistakes[i].keys, REQUEST_DEL, "banana",
				       NULL, &config, &err),
			     0, "%s: %s", mistakes[i].keys, err.details);
		cr_expect_str_eq(config.name, "storage");
	}
}

Test(config, del_keeps_the_keys_that_are_right)
{
	cleanup_config struct config config = { 0 };
	struct error err = { 0 };

	cr_assert_eq(read_with("\"master\":7,\"mtu\":-1,\"vxlan\":{\"id\":0},"
			       "\"linkInContainer\":true,"
			       "\"ipam\":{\"type\":\"hostshim\",\"range\":"
			       "\"banana\",\"pool\":\"p\",\"stateDir\":\"/s\"}",
			       REQUEST_DEL, NULL, NULL, &config, &err),
		     0, "%s", err.details);
	cr_expect(config.link_in_container);
	cr_assert(config.ipam.present);
	cr_expect_str_eq(config.ipam.type, "hostshim");
	cr_expect_str_eq(config.ipam.pool, "p");
	cr_expect_str_eq(config.ipam.state_dir, "/s");
}

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

		cr_assert_eq(read_with(cases[i].keys, REQUEST_ADD,
				       cases[i].args, NULL, &config, &err),
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

	cr_expect_lt(read_with("", REQUEST_ADD, "01:00:5e:00:00:01", NULL,
			       &config, &err),
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

		cr_assert_eq(read_with(cases[i].keys, REQUEST_ADD, NULL,
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

		cr_assert_eq(read_with(cases[i].keys, REQUEST_GC, NULL, NULL,
				       &config, &err),
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
		cr_expect_lt(read_with(keys, REQUEST_GC, NULL, NULL, &config,
				       &err),
			     0, "%s", cases[i]);
		cr_expect_eq(err.code, ERROR_CONFIG);
		cr_expect_not_null(strstr(err.details,
					  "cni.dev/valid-attachments"),
				   "%s", err.details);
	}
}

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
