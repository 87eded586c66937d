#ifndef TEST_UNIT_READ_CONFIG_H
#define TEST_UNIT_READ_CONFIG_H

/* Documents as config_read() gets them, for the programs that test what it
 * makes of them. */

#include "plugin/config.h"

#define HEAD                                                                   \
	"\"cniVersion\":\"1.1.0\",\"name\":\"storage\",\"type\":\"hostshim\""

/* Two nodes of a /24; addresses from ours. */
#define NODES_2                                                                \
	"\"nodes\":{\"a\":{\"vtep\":\"10.0.0.1\",\"address\":"                 \
	"\"10.100.1.1/24\"},\"b\":{\"vtep\":\"10.0.0.2\",\"address\":"         \
	"\"10.100.1.2/24\"}}"
#define IPAM(keys) "\"ipam\":{\"type\":\"hostshim\"," keys "}"

/** read_config_with() - A document of HEAD and @keys, read for @verb; MAC and
 * IP in CNI_ARGS, or NULL */
int read_config_with(const char *keys, enum request_verb verb,
		     const char *args_mac, const char *args_ip,
		     struct config *ret, struct error *err);

/** read_keys() - The same for ADD, without CNI_ARGS */
int read_keys(const char *keys, struct config *ret, struct error *err);

/** read_document() - The whole document is @text */
int read_document(const char *text, enum request_verb verb, struct config *ret,
		  struct error *err);

void expect_addr(const struct inet_addr *got, const char *want);
void expect_prefix(const struct inet_prefix *got, const char *want);

#endif
