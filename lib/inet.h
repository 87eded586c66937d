#ifndef LIB_INET_H
#define LIB_INET_H

/*
 * Addresses, prefixes, MACs and routes as plain values, their arithmetic and
 * their text. Text forms are Go's net.IP (RFC 5952, IPv4-mapped addresses
 * printed as dotted IPv4, no other dotted-quad tails), because results, object
 * names and Whereabouts' pools are compared as text by Go programs; glibc's
 * inet_ntop() prints ::102:304 as ::1.2.3.4.
 */

#include "lib/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest text with terminator: 8 groups of 4, "/128". */
#define INET_ADDR_TEXT   46
#define INET_PREFIX_TEXT 50
#define INET_MAC_TEXT    18

/* 128-bit arithmetic; IPv4 in the low 32 bits. */
typedef unsigned __int128 inet_uint;

struct inet_addr {
	uint8_t family; /* AF_INET, AF_INET6, or 0 for none */
	uint8_t bytes[16]; /* network order; IPv4 uses the first four */
};

/* An address with a prefix length: host bits are kept ("10.1.2.3/24"). */
struct inet_prefix {
	struct inet_addr addr;
	uint8_t len;
};

struct inet_mac {
	uint8_t bytes[6];
};

/* A CNI result's route (specification 1.1.0). Zero means "not given", except
 * for table and scope, where zero is a value. */
struct inet_route {
	struct inet_prefix dst;
	struct inet_addr gw; /* family 0: none given */
	uint32_t mtu;
	uint32_t advmss;
	uint32_t priority;
	uint32_t table;
	uint8_t scope;
	bool has_table;
	bool has_scope;
};

/**
 * inet_addr_parse() - Text to address, strict as Go's net.ParseIP
 *
 * No leading zeros in IPv4, no zone, no surrounding space. "::ffff:1.2.3.4" is
 * the IPv4 address 1.2.3.4.
 *
 * Return: false if @text is no address; @ret is then untouched
 */
bool inet_addr_parse(const char *text, struct inet_addr *ret) warn_unused;

/**
 * inet_addr_parse_lenient() - As above, with leading zeros in IPv4 octets
 *
 * For the keys that Whereabouts reads so ("010.000.000.001" is 10.0.0.1).
 */
bool inet_addr_parse_lenient(const char *text, struct inet_addr *ret)
	warn_unused;

/** inet_addr_format() - Address to text, returns @buf; "" for family 0 */
const char *inet_addr_format(const struct inet_addr *addr,
			     char buf[static INET_ADDR_TEXT]);

/** inet_addr_equal() - Same family and same address */
bool inet_addr_equal(const struct inet_addr *a, const struct inet_addr *b);

/** inet_addr_compare() - Order for sorting: family, then value */
int inet_addr_compare(const struct inet_addr *a, const struct inet_addr *b);

/** inet_addr_is_unspecified() - 0.0.0.0 or :: */
bool inet_addr_is_unspecified(const struct inet_addr *addr);

/** inet_addr_is_unicast() - Can a host bear it? Not unspecified, loopback,
 * multicast, or IPv4 limited broadcast */
bool inet_addr_is_unicast(const struct inet_addr *addr);

/** inet_addr_to_uint() / inet_addr_from_uint() - Value for arithmetic */
inet_uint inet_addr_to_uint(const struct inet_addr *addr);
struct inet_addr inet_addr_from_uint(uint8_t family, inet_uint value);

/** inet_family_bits() - 32 or 128 */
unsigned int inet_family_bits(uint8_t family);

/** inet_family_len() - Bytes of an address: 4 or 16 */
size_t inet_family_len(uint8_t family);

/**
 * inet_prefix_parse() - "ADDRESS/LEN" to prefix, host bits kept
 *
 * Return: false if @text is none; a bare address is none
 */
bool inet_prefix_parse(const char *text, struct inet_prefix *ret) warn_unused;

/** inet_prefix_parse_lenient() - With leading zeros in IPv4 octets */
bool inet_prefix_parse_lenient(const char *text, struct inet_prefix *ret)
	warn_unused;

/** inet_prefix_format() - Prefix to text, returns @buf */
const char *inet_prefix_format(const struct inet_prefix *prefix,
			       char buf[static INET_PREFIX_TEXT]);

/** inet_prefix_network() - The prefix with its host bits cleared */
struct inet_prefix inet_prefix_network(const struct inet_prefix *prefix);

/** inet_prefix_first() / inet_prefix_last() - Network and last address */
struct inet_addr inet_prefix_first(const struct inet_prefix *prefix);
struct inet_addr inet_prefix_last(const struct inet_prefix *prefix);

/** inet_prefix_host() - @addr as /32 or /128 */
struct inet_prefix inet_prefix_host(const struct inet_addr *addr);

/** inet_prefix_contains() - Is @addr in the network of @prefix? */
bool inet_prefix_contains(const struct inet_prefix *prefix,
			  const struct inet_addr *addr);

/** inet_prefix_equal() - Same address bits and same length */
bool inet_prefix_equal(const struct inet_prefix *a,
		       const struct inet_prefix *b);

/** inet_prefix_same_network() - Same network and same length */
bool inet_prefix_same_network(const struct inet_prefix *a,
			      const struct inet_prefix *b);

/** inet_prefix_is_default() - 0.0.0.0/0 or ::/0 */
bool inet_prefix_is_default(const struct inet_prefix *prefix);

/**
 * inet_mac_parse() - Six octets as colons, hyphens or dotted groups
 *
 * Case does not matter ("c2:11:22:33:44:55", "c2-11-...", "c211.2233.4455").
 *
 * Return: false if @text is not a 6-byte MAC
 */
bool inet_mac_parse(const char *text, struct inet_mac *ret) warn_unused;

/** inet_mac_format() - Lower case with colons, returns @buf */
const char *inet_mac_format(const struct inet_mac *mac,
			    char buf[static INET_MAC_TEXT]);

/** inet_mac_equal() - Same six bytes */
bool inet_mac_equal(const struct inet_mac *a, const struct inet_mac *b);

/** inet_mac_is_usable() - Unicast and not zero: what a link may bear */
bool inet_mac_is_usable(const struct inet_mac *mac);

/**
 * inet_mac_from_hash() - A locally administered unicast MAC from 64 bits
 */
struct inet_mac inet_mac_from_hash(uint64_t hash);

#endif
