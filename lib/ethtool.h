#ifndef LIB_ETHTOOL_H
#define LIB_ETHTOOL_H

/*
 * What a driver tells about its link.
 */

#include "lib/error.h"

#include <stdint.h>

enum {
	ETHTOOL_UNKNOWN = 1, /* the driver does not tell, or has no carrier */
};

/**
 * ethtool_speed() - Mb/s of a link in our own namespace
 *
 * Not from /sys/class/net: what is mounted there may be another namespace's.
 *
 * Return: 0, ETHTOOL_UNKNOWN, or negative
 */
int ethtool_speed(const char *name, uint32_t *ret, struct error *err)
	warn_unused;

#endif
