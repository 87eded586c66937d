#include "lib/inet.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* One decimal octet; "007" only where Go programs accept it. */
static const char *inet_parse_octet(const char *p, bool lenient, uint8_t *ret)
{
	unsigned int value = 0;
	const char *start = p;

	while (isdigit((unsigned char)*p) && value <= 255)
		value = value * 10 + (unsigned int)(*p++ - '0');
	if (p == start || value > 255 || isdigit((unsigned char)*p))
		return NULL;
	if (!lenient && *start == '0' && p - start > 1)
		return NULL;
	*ret = (uint8_t)value;
	return p;
}

static const char *inet_parse_ipv4(const char *p, bool lenient,
				   uint8_t ret[static 4])
{
	for (int i = 0; i < 4; i++) {
		if (i > 0 && *p++ != '.')
			return NULL;
		p = inet_parse_octet(p, lenient, &ret[i]);
		if (!p)
			return NULL;
	}
	return p;
}

static const char *inet_parse_group(const char *p, uint16_t *ret)
{
	unsigned int value = 0;
	int digits = 0;

	for (; isxdigit((unsigned char)*p) && digits < 5; p++, digits++) {
		int c = tolower((unsigned char)*p);

		value = value << 4 |
			(unsigned int)(isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	if (digits == 0 || digits > 4)
		return NULL;
	*ret = (uint16_t)value;
	return p;
}

/* Move what was read after "::" to the end. */
static void inet_expand(uint8_t bytes[static 16], size_t filled, size_t gap)
{
	size_t tail = filled - gap;

	memmove(bytes + 16 - tail, bytes + gap, tail);
	memset(bytes + gap, 0, 16 - filled);
}

static const char *inet_parse_ipv6(const char *p, uint8_t bytes[static 16])
{
	size_t filled = 0;
	size_t gap = 0;
	bool has_gap = false;

	if (p[0] == ':' && p[1] == ':') {
		has_gap = true;
		p += 2;
	}
	while (filled < 16 && *p && *p != '/') {
		const char *next;
		uint16_t group;

		next = inet_parse_group(p, &group);
		if (next && *next != '.') {
			bytes[filled++] = (uint8_t)(group >> 8);
			bytes[filled++] = (uint8_t)group;
		} else {
			if (filled > 12)
				return NULL;
			next = inet_parse_ipv4(p, false, bytes + filled);
			if (!next)
				return NULL;
			filled += 4;
			p = next;
			break;
		}
		p = next;
		if (*p != ':')
			break;
		if (p[1] == ':') {
			if (has_gap)
				return NULL;
			has_gap = true;
			gap = filled;
			p += 2;
		} else if (isxdigit((unsigned char)p[1])) {
			p++;
		} else {
			return NULL;
		}
	}
	if (has_gap ? filled > 14 : filled != 16)
		return NULL;
	if (has_gap)
		inet_expand(bytes, filled, gap);
	return p;
}

static bool inet_is_mapped(const uint8_t bytes[static 16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(bytes, mapped, sizeof(mapped)) == 0;
}

/* Reads an address and says where it ended; @ret_mapped: written as IPv6. */
static const char *inet_parse(const char *text, bool lenient,
			      struct inet_addr *ret, bool *ret_mapped)
{
	struct inet_addr addr = { 0 };
	const char *end;

	*ret_mapped = false;
	if (strchr(text, ':')) {
		end = inet_parse_ipv6(text, addr.bytes);
		addr.family = AF_INET6;
		if (end && inet_is_mapped(addr.bytes)) {
			memmove(addr.bytes, addr.bytes + 12, 4);
			memset(addr.bytes + 4, 0, 12);
			addr.family = AF_INET;
			*ret_mapped = true;
		}
	} else {
		end = inet_parse_ipv4(text, lenient, addr.bytes);
		addr.family = AF_INET;
	}
	if (end)
		*ret = addr;
	return end;
}

static bool inet_addr_parse_as(const char *text, bool lenient,
			       struct inet_addr *ret)
{
	struct inet_addr addr;
	const char *end;
	bool mapped;

	end = inet_parse(text, lenient, &addr, &mapped);
	if (!end || *end)
		return false;
	*ret = addr;
	return true;
}

bool inet_addr_parse(const char *text, struct inet_addr *ret)
{
	return inet_addr_parse_as(text, false, ret);
}

bool inet_addr_parse_lenient(const char *text, struct inet_addr *ret)
{
	return inet_addr_parse_as(text, true, ret);
}

static bool inet_prefix_parse_as(const char *text, bool lenient,
				 struct inet_prefix *ret)
{
	struct inet_prefix prefix = { 0 };
	unsigned int bits;
	const char *end;
	uint8_t len;
	bool mapped;

	end = inet_parse(text, lenient, &prefix.addr, &mapped);
	if (!end || *end++ != '/')
		return false;
	end = inet_parse_octet(end, false, &len);
	if (!end || *end)
		return false;

	bits = inet_family_bits(prefix.addr.family);
	if (mapped) {
		if (len < 96)
			return false;
		len = (uint8_t)(len - 96);
	}
	if (len > bits)
		return false;
	prefix.len = len;
	*ret = prefix;
	return true;
}

bool inet_prefix_parse(const char *text, struct inet_prefix *ret)
{
	return inet_prefix_parse_as(text, false, ret);
}

bool inet_prefix_parse_lenient(const char *text, struct inet_prefix *ret)
{
	return inet_prefix_parse_as(text, true, ret);
}

/* The longest run of zero groups, the first on ties; one group is none. */
static int inet_zero_run(const uint16_t groups[static 8], int *ret_len)
{
	int best = -1;
	int best_len = 1;
	int run = 0;

	for (int i = 0; i < 8; i++) {
		run = groups[i] ? 0 : run + 1;
		if (run > best_len) {
			best_len = run;
			best = i - run + 1;
		}
	}
	*ret_len = best_len;
	return best;
}

static void inet_format_ipv6(const uint8_t bytes[static 16], char *buf)
{
	uint16_t groups[8];
	int zeros, zeros_len;
	char *p = buf;

	for (int i = 0; i < 8; i++)
		groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
	zeros = inet_zero_run(groups, &zeros_len);

	for (int i = 0; i < 8; i++) {
		if (i == zeros) {
			*p++ = ':';
			*p++ = ':';
			i += zeros_len - 1;
			continue;
		}
		if (i > 0 && p[-1] != ':')
			*p++ = ':';
		p += sprintf(p, "%x", groups[i]);
	}
	*p = '\0';
}

const char *inet_addr_format(const struct inet_addr *addr,
			     char buf[static INET_ADDR_TEXT])
{
	const uint8_t *b = addr->bytes;

	buf[0] = '\0';
	if (addr->family == AF_INET)
		snprintf(buf, INET_ADDR_TEXT, "%u.%u.%u.%u", b[0], b[1], b[2],
			 b[3]);
	else if (addr->family == AF_INET6)
		inet_format_ipv6(b, buf);
	return buf;
}

const char *inet_prefix_format(const struct inet_prefix *prefix,
			       char buf[static INET_PREFIX_TEXT])
{
	char addr[INET_ADDR_TEXT];

	snprintf(buf, INET_PREFIX_TEXT, "%s/%u",
		 inet_addr_format(&prefix->addr, addr), prefix->len);
	return buf;
}

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

static int inet_hex(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return isdigit((unsigned char)c) ? c - '0'
					 : tolower((unsigned char)c) - 'a' + 10;
}

/* @group: octets between two separators, 1 or 2. */
static bool inet_mac_parse_as(const char *p, char separator, int group,
			      struct inet_mac *ret)
{
	struct inet_mac mac;

	for (int i = 0; i < 6; i++) {
		int high, low;

		if (i > 0 && i % group == 0 && *p++ != separator)
			return false;
		high = inet_hex(p[0]);
		low = high < 0 ? -1 : inet_hex(p[1]);
		if (low < 0)
			return false;
		mac.bytes[i] = (uint8_t)(high << 4 | low);
		p += 2;
	}
	if (*p)
		return false;
	*ret = mac;
	return true;
}

bool inet_mac_parse(const char *text, struct inet_mac *ret)
{
	return inet_mac_parse_as(text, ':', 1, ret) ||
	       inet_mac_parse_as(text, '-', 1, ret) ||
	       inet_mac_parse_as(text, '.', 2, ret);
}

const char *inet_mac_format(const struct inet_mac *mac,
			    char buf[static INET_MAC_TEXT])
{
	const uint8_t *b = mac->bytes;

	snprintf(buf, INET_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", b[0],
		 b[1], b[2], b[3], b[4], b[5]);
	return buf;
}

bool inet_mac_equal(const struct inet_mac *a, const struct inet_mac *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool inet_mac_is_usable(const struct inet_mac *mac)
{
	static const struct inet_mac zero = { 0 };

	return !(mac->bytes[0] & 1) && !inet_mac_equal(mac, &zero);
}

struct inet_mac inet_mac_from_hash(uint64_t hash)
{
	struct inet_mac mac;

	for (size_t i = 0; i < sizeof(mac.bytes); i++)
		mac.bytes[i] = (uint8_t)(hash >> (8 * i));
	mac.bytes[0] = (uint8_t)((mac.bytes[0] & 0xfc) | 0x02);
	return mac;
}
