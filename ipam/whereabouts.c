#include "ipam/whereabouts.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define HOST_ID "hsh/"

/* --- names ---------------------------------------------------------------------- */

static bool is_inner(char c)
{
	return islower((unsigned char)c) || isdigit((unsigned char)c);
}

/* What the API server takes as an object's name (RFC 1123, a subdomain): labels
 * of lower-case letters, digits and inner dashes. */
static bool is_name(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		bool edge = i == 0 || i + 1 == len || text[i - 1] == '.' ||
			    text[i + 1] == '.';

		if (text[i] == '.'
			    ? edge
			    : !is_inner(text[i]) && (edge || text[i] != '-'))
			return false;
	}
	return len > 0 && len < WHEREABOUTS_NAME;
}

/* Whereabouts puts the zero behind ranges too, which never end so. */
static int name_of(const char *network, const char *text,
		   char ret[static WHEREABOUTS_NAME])
{
	size_t len = strlen(text);
	int n;

	n = snprintf(ret, WHEREABOUTS_NAME, "%s%s%s%s", network,
		     *network ? "-" : "", text,
		     text[len - 1] == ':' ? "0" : "");
	if (n < 0 || n >= WHEREABOUTS_NAME)
		return WHEREABOUTS_NO_NAME;
	for (char *p = ret; *p; p++)
		if (*p == ':' || *p == '/')
			*p = '-';
	return is_name(ret) ? 0 : WHEREABOUTS_NO_NAME;
}

const char *whereabouts_range(const struct inet_prefix *range,
			      char buf[static INET_PREFIX_TEXT])
{
	struct inet_prefix network = inet_prefix_network(range);

	return inet_prefix_format(&network, buf);
}

/* Go prints them as IPv4, and their lengths with it. */
static bool is_mapped(const struct inet_addr *addr)
{
	return addr->family == AF_INET6 &&
	       inet_addr_to_uint(addr) >> 32 == 0xffff;
}

int whereabouts_pool_name(const char *network, const struct inet_prefix *range,
			  char ret[static WHEREABOUTS_NAME])
{
	char text[INET_PREFIX_TEXT];

	if (is_mapped(&range->addr))
		return WHEREABOUTS_NO_NAME;
	return name_of(network, whereabouts_range(range, text), ret);
}

int whereabouts_overlap_name(const char *network, const struct inet_addr *addr,
			     char ret[static WHEREABOUTS_NAME])
{
	char text[INET_ADDR_TEXT];

	if (addr->family == 0)
		return WHEREABOUTS_NO_NAME;
	return name_of(network, inet_addr_format(addr, text), ret);
}

int whereabouts_overlap_addr(const char *network, const char *name,
			     struct inet_addr *ret)
{
	char again[WHEREABOUTS_NAME], text[WHEREABOUTS_NAME];
	size_t len = strlen(network);

	if (len > 0 && (strncmp(name, network, len) != 0 || name[len++] != '-'))
		return WHEREABOUTS_NO_NAME;
	snprintf(text, sizeof(text), "%s", name + len);
	for (char *p = text; *p; p++)
		if (*p == '-')
			*p = ':';
	/* Whatever else an address is written like is none of its names. */
	if (!inet_addr_parse(text, ret) ||
	    whereabouts_overlap_name(network, ret, again) != 0 ||
	    strcmp(again, name) != 0)
		return WHEREABOUTS_NO_NAME;
	return 0;
}

/* --- keys ------------------------------------------------------------------------- */

int whereabouts_base(const char *range, struct inet_prefix *ret)
{
	return inet_prefix_parse(range, ret) ? 0 : WHEREABOUTS_NO_RANGE;
}

/* Go's int64, and net.IP's arithmetic for IPv4 (pkg/iphelpers, IPAddOffset). */
static bool is_counted(uint8_t family, inet_uint offset)
{
	return family == AF_INET ? offset < UINT32_MAX : offset <= INT64_MAX;
}

int whereabouts_key(const struct inet_addr *base, const struct inet_addr *addr,
		    char ret[static WHEREABOUTS_KEY])
{
	inet_uint from = inet_addr_to_uint(base);
	inet_uint to = inet_addr_to_uint(addr);

	if (addr->family != base->family || to < from ||
	    !is_counted(base->family, to - from))
		return WHEREABOUTS_NO_KEY;
	snprintf(ret, WHEREABOUTS_KEY, "%" PRIu64, (uint64_t)(to - from));
	return 0;
}

/* As Go reads a decimal number: a sign and leading zeros pass, nothing else. */
static bool read_key(const char *key, uint64_t *ret)
{
	const char *digits = key + (*key == '+' || *key == '-');
	char *end;

	errno = 0;
	*ret = strtoumax(digits, &end, 10);
	return isdigit((unsigned char)*digits) && !*end && errno == 0 &&
	       (*key != '-' || *ret == 0);
}

int whereabouts_addr(const struct inet_addr *base, const char *key,
		     struct inet_addr *ret)
{
	inet_uint from = inet_addr_to_uint(base);
	inet_uint last;
	uint64_t offset;

	last = base->family == AF_INET ? UINT32_MAX : ~(inet_uint)0;
	if (!read_key(key, &offset) || !is_counted(base->family, offset) ||
	    offset > last - from)
		return WHEREABOUTS_NO_KEY;
	*ret = inet_addr_from_uint(base->family, from + offset);
	return 0;
}

/* --- holders ----------------------------------------------------------------------- */

int whereabouts_podref(const char *pod_namespace, const char *pod_name,
		       char ret[static WHEREABOUTS_PODREF])
{
	int n;

	if (!*pod_namespace || !*pod_name)
		return WHEREABOUTS_NO_NAME;
	n = snprintf(ret, WHEREABOUTS_PODREF, "%s/%s", pod_namespace, pod_name);
	return n < WHEREABOUTS_PODREF ? 0 : WHEREABOUTS_NO_NAME;
}

int whereabouts_host_id(const char *node, char ret[static WHEREABOUTS_NAME + 4])
{
	if (!is_name(node))
		return WHEREABOUTS_NO_NAME;
	snprintf(ret, WHEREABOUTS_NAME + 4, HOST_ID "%s", node);
	return 0;
}

const char *whereabouts_host(const char *podref, const char *id)
{
	if (*podref || strncmp(id, HOST_ID, strlen(HOST_ID)) != 0)
		return NULL;
	return id + strlen(HOST_ID);
}
