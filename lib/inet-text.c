/*
 * Addresses and prefixes as text. Lenient is with leading zeros in IPv4 octets,
 * where Go programs accept them.
 */

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
