#include "lib/inet.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

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
