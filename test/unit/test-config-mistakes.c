#include "test/unit/read-config.h"

#include <criterion/criterion.h>
#include <string.h>

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

		cr_expect_eq(read_config_with(mistakes[i].keys, REQUEST_DEL,
					      "banana", NULL, &config, &err),
			     0, "%s: %s", mistakes[i].keys, err.details);
		cr_expect_str_eq(config.name, "storage");
	}
}

Test(config, del_keeps_the_keys_that_are_right)
{
	cleanup_config struct config config = { 0 };
	struct error err = { 0 };

	cr_assert_eq(read_config_with(
			     "\"master\":7,\"mtu\":-1,\"vxlan\":{\"id\":0},"
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
