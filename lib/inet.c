/* Addresses as numbers, and what prefixes make of them. */

#include "lib/inet.h"

#include <string.h>
#include <sys/socket.h>

unsigned int inet_family_bits(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

size_t inet_family_len(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

int inet_addr_compare(const struct inet_addr *a, const struct inet_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, inet_family_len(a->family));
}

bool inet_addr_equal(const struct inet_addr *a, const struct inet_addr *b)
{
	return inet_addr_compare(a, b) == 0;
}

bool inet_addr_is_unspecified(const struct inet_addr *addr)
{
	return inet_addr_to_uint(addr) == 0;
}

bool inet_addr_is_unicast(const struct inet_addr *addr)
{
	inet_uint value = inet_addr_to_uint(addr);

	if (value == 0)
		return false;
	if (addr->family == AF_INET)
		return addr->bytes[0] != 0 && addr->bytes[0] != 127 &&
		       addr->bytes[0] < 224;
	return value != 1 && addr->bytes[0] != 0xff;
}

inet_uint inet_addr_to_uint(const struct inet_addr *addr)
{
	inet_uint value = 0;

	for (size_t i = 0; i < inet_family_len(addr->family); i++)
		value = value << 8 | addr->bytes[i];
	return value;
}

struct inet_addr inet_addr_from_uint(uint8_t family, inet_uint value)
{
	struct inet_addr addr = { .family = family };

	for (size_t i = inet_family_len(family); i > 0; i--) {
		addr.bytes[i - 1] = (uint8_t)value;
		value >>= 8;
	}
	return addr;
}

static inet_uint inet_host_mask(const struct inet_prefix *prefix)
{
	unsigned int host = inet_family_bits(prefix->addr.family) - prefix->len;

	return host >= 128 ? ~(inet_uint)0 : ((inet_uint)1 << host) - 1;
}

struct inet_addr inet_prefix_first(const struct inet_prefix *prefix)
{
	inet_uint value = inet_addr_to_uint(&prefix->addr);

	return inet_addr_from_uint(prefix->addr.family,
				   value & ~inet_host_mask(prefix));
}

struct inet_addr inet_prefix_last(const struct inet_prefix *prefix)
{
	inet_uint value = inet_addr_to_uint(&prefix->addr);

	return inet_addr_from_uint(prefix->addr.family,
				   value | inet_host_mask(prefix));
}

struct inet_prefix inet_prefix_network(const struct inet_prefix *prefix)
{
	return (struct inet_prefix){ inet_prefix_first(prefix), prefix->len };
}

struct inet_prefix inet_prefix_host(const struct inet_addr *addr)
{
	return (struct inet_prefix){ *addr,
				     (uint8_t)inet_family_bits(addr->family) };
}

bool inet_prefix_contains(const struct inet_prefix *prefix,
			  const struct inet_addr *addr)
{
	inet_uint difference;

	if (prefix->addr.family != addr->family)
		return false;
	difference = inet_addr_to_uint(&prefix->addr) ^ inet_addr_to_uint(addr);
	return (difference & ~inet_host_mask(prefix)) == 0;
}

bool inet_prefix_equal(const struct inet_prefix *a, const struct inet_prefix *b)
{
	return a->len == b->len && inet_addr_equal(&a->addr, &b->addr);
}

bool inet_prefix_same_network(const struct inet_prefix *a,
			      const struct inet_prefix *b)
{
	return a->len == b->len && inet_prefix_contains(a, &b->addr);
}

bool inet_prefix_is_default(const struct inet_prefix *prefix)
{
	return prefix->len == 0 && inet_addr_is_unspecified(&prefix->addr);
}
