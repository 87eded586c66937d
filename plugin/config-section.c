/*
 * Values and sections, each by itself.
 */
#include "plugin/config-priv.h"

#include <linux/if_ether.h>
#include <string.h>
#include <sys/socket.h>

#define ALTNAME_MAX 127 /* ALTIFNAMSIZ of linux/if.h, without the NUL */
#define MTU_MIN     68 /* RFC 791; drivers/net/macvlan.c takes no less */
#define MTU_MAX     65535

/* The VXLAN driver keeps ageing in jiffies, which are 32 bits on some
 * machines: seconds that fit at HZ = 1000. Below the lower bound, every pause
 * of a storage client ends in flooding. */
#define AGEING_MAX 2147483

#define VNI_MAX    0xffffff

struct config_word {
	const char *word;
	uint32_t value;
};

static const struct config_word config_modes[] = {
	{ "bridge", MACVLAN_MODE_BRIDGE },
	{ "private", MACVLAN_MODE_PRIVATE },
	{ "vepa", MACVLAN_MODE_VEPA },
	{ "passthru", MACVLAN_MODE_PASSTHRU },
	{ NULL, 0 },
};

static const struct config_word config_shim_modes[] = {
	{ "auto", CONFIG_SHIM_AUTO },
	{ "always", CONFIG_SHIM_ALWAYS },
	{ "never", CONFIG_SHIM_NEVER },
	{ NULL, 0 },
};

const char *config_mode_text(uint32_t mode)
{
	for (const struct config_word *w = config_modes; w->word; w++) {
		if (w->value == mode)
			return w->word;
	}
	return "unknown";
}

/* A word of a list; "" leaves the default. */
static int config_read_word(const struct json_at *at,
			    const struct config_word *words, uint32_t *ret,
			    struct error *err)
{
	const char *text = json_text(at);
	char list[64] = "";

	if (!text)
		return json_expected(at, "a string", err);
	if (!*text)
		return 0;
	for (const struct config_word *w = words; w->word; w++) {
		if (strcmp(text, w->word) == 0) {
			*ret = w->value;
			return 0;
		}
		strncat(list, w == words ? "" : ", ",
			sizeof(list) - strlen(list) - 1);
		strncat(list, w->word, sizeof(list) - strlen(list) - 1);
	}
	json_error(at, err, "\"%s\" is not supported, supported are %s", text,
		   list);
	return error_class(err, ERROR_UNSUPPORTED);
}

int config_read_mode(const struct json_at *at, void *member, struct error *err)
{
	return config_read_word(at, config_modes, member, err);
}

static int config_read_shim_mode(const struct json_at *at, void *member,
				 struct error *err)
{
	enum config_shim_mode *ret = member;
	uint32_t value = *ret;
	int r;

	r = config_read_word(at, config_shim_modes, &value, err);
	*ret = (enum config_shim_mode)value;
	return r;
}

static int config_read_limited(const struct json_at *at, uint64_t min,
			       uint64_t max, uint32_t *ret, struct error *err)
{
	uint64_t value;
	int r;

	r = json_read_uint(at, min, max, &value, err);
	if (r < 0)
		return r;
	*ret = (uint32_t)value;
	return 0;
}

int config_read_mtu(const struct json_at *at, void *member, struct error *err)
{
	uint32_t mtu;
	int r;

	r = config_read_limited(at, 0, MTU_MAX, &mtu, err);
	if (r < 0)
		return r;
	if (mtu && mtu < MTU_MIN)
		return json_error(at, err,
				  "%u is no MTU, the least is %d (0: the "
				  "default)",
				  mtu, MTU_MIN);
	*(uint32_t *)member = mtu;
	return 0;
}

/* Where no link can have such a name, nothing needs to be looked up. */
static bool config_is_altname(const char *text)
{
	if (strlen(text) > ALTNAME_MAX || strcmp(text, ".") == 0 ||
	    strcmp(text, "..") == 0)
		return false;
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c <= ' ' || c == 0x7f || c == '/')
			return false;
	}
	return true;
}

int config_read_master(const struct json_at *at, void *member,
		       struct error *err)
{
	const char *text = json_text(at);

	if (text && !*text)
		return 0;
	if (text && !config_is_altname(text))
		return json_error(at, err,
				  "\"%s\" is no interface name: 1 to %d bytes, "
				  "not \".\" or \"..\", without '/' and white "
				  "space",
				  text, ALTNAME_MAX);
	return json_read_string(at, member, err);
}

/* The name of a link that we may have to make. */
static int config_read_ifname(const struct json_at *at, void *member,
			      struct error *err)
{
	const char *text = json_text(at);

	if (text && !*text)
		return 0;
	if (text && !request_ifname_is_valid(text))
		return json_error(at, err,
				  "\"%s\" is no interface name: 1 to 15 bytes, "
				  "not \".\" or \"..\", without '/', ':', '%%' "
				  "and white space",
				  text);
	return json_read_string(at, member, err);
}

static int config_read_vni(const struct json_at *at, void *member,
			   struct error *err)
{
	return config_read_limited(at, 1, VNI_MAX, member, err);
}

static int config_read_ageing(const struct json_at *at, void *member,
			      struct error *err)
{
	return config_read_limited(at, CONFIG_AGEING_MIN, AGEING_MAX, member,
				   err);
}

static int config_read_port(const struct json_at *at, void *member,
			    struct error *err)
{
	uint64_t value;
	int r;

	r = json_read_uint(at, 1, UINT16_MAX, &value, err);
	if (r < 0)
		return r;
	*(uint16_t *)member = (uint16_t)value;
	return 0;
}

static int config_read_ttl(const struct json_at *at, void *member,
			   struct error *err)
{
	uint64_t value;
	int r;

	r = json_read_uint(at, 0, UINT8_MAX, &value, err);
	if (r < 0)
		return r;
	*(uint8_t *)member = (uint8_t)value;
	return 0;
}

int config_read_vxlan(const struct json_at *at, void *member, struct error *err)
{
	static const struct json_field fields[] = {
		JSON_WITH("id", config_read_vni, struct config_vxlan, id,
			  JSON_REQUIRED),
		JSON_WITH("port", config_read_port, struct config_vxlan, port,
			  0),
		JSON_BOOL("learning", struct config_vxlan, learning, 0),
		JSON_WITH("ageing", config_read_ageing, struct config_vxlan,
			  ageing, 0),
		JSON_WITH("device", config_read_master, struct config_vxlan,
			  device, 0),
		JSON_WITH("mtu", config_read_mtu, struct config_vxlan, mtu, 0),
		JSON_WITH("ttl", config_read_ttl, struct config_vxlan, ttl, 0),
		JSON_END
	};
	struct config_vxlan *vxlan = member;

	*vxlan = (struct config_vxlan){
		.present = true,
		.port = 4789,
		.learning = true,
		.ageing = 300,
	};
	return json_read_object(at, fields, vxlan, JSON_UNKNOWN_REFUSE, err);
}

/* The network itself and the broadcast address are nobody's. */
static bool config_is_host(const struct inet_prefix *prefix)
{
	unsigned int bits = inet_family_bits(prefix->addr.family);
	struct inet_addr first = inet_prefix_first(prefix);
	struct inet_addr last = inet_prefix_last(prefix);

	if (prefix->len == 0 || !inet_addr_is_unicast(&prefix->addr))
		return false;
	if (prefix->len + 1u >= bits)
		return true;
	if (inet_addr_equal(&prefix->addr, &first))
		return false;
	return prefix->addr.family == AF_INET6 ||
	       !inet_addr_equal(&prefix->addr, &last);
}

static int config_read_host_address(const struct json_at *at,
				    struct inet_prefix ret[static 2],
				    size_t *ret_n, struct error *err)
{
	const char *text = json_text(at);
	struct inet_prefix prefix;

	if (!text)
		return json_expected(at, "an address with a prefix length",
				     err);
	if (!inet_prefix_parse(text, &prefix))
		return json_error(at, err,
				  "\"%s\" is no address with a prefix length, "
				  "as 10.100.1.1/24",
				  text);
	if (!config_is_host(&prefix))
		return json_error(at, err,
				  "\"%s\" is no address that a host may have",
				  text);
	for (size_t i = 0; i < *ret_n; i++) {
		if (ret[i].addr.family == prefix.addr.family)
			return json_error(at, err,
					  "\"%s\" is the second address of its "
					  "family, one is possible",
					  text);
	}
	ret[(*ret_n)++] = prefix;
	return 0;
}

int config_read_host_addresses(const struct json_at *at,
			       struct inet_prefix ret[static 2], size_t *ret_n,
			       struct error *err)
{
	int r;

	*ret_n = 0;
	if (json_type(at) != JSON_TYPE_ARRAY)
		return config_read_host_address(at, ret, ret_n, err);
	for (size_t i = 0; i < json_count(at); i++) {
		const struct json_at item = json_element(at, i);

		r = config_read_host_address(&item, ret, ret_n, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int config_read_shim_address(const struct json_at *at, void *member,
				    struct error *err)
{
	struct config_shim *shim = member;
	const char *text = json_text(at);

	if (text && (!*text || strcmp(text, "auto") == 0))
		return 0;
	return config_read_host_addresses(at, shim->addresses,
					  &shim->n_addresses, err);
}

int config_read_shim(const struct json_at *at, void *member, struct error *err)
{
	static const struct json_field fields[] = {
		JSON_WITH("name", config_read_ifname, struct config_shim, name,
			  0),
		JSON_WITH("mode", config_read_shim_mode, struct config_shim,
			  mode, 0),
		JSON_WHOLE("address", config_read_shim_address, 0),
		JSON_WITH("mtu", config_read_mtu, struct config_shim, mtu, 0),
		JSON_BOOL("migrate", struct config_shim, migrate, 0),
		JSON_END
	};
	struct config_shim *shim = member;

	*shim = (struct config_shim){ .present = true,
				      .mode = CONFIG_SHIM_AUTO };
	return json_read_object(at, fields, shim, JSON_UNKNOWN_REFUSE, err);
}
