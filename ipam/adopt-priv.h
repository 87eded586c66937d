#ifndef IPAM_ADOPT_PRIV_H
#define IPAM_ADOPT_PRIV_H

/*
 * Shared by ipam/adopt*.c only.
 */

#include "ipam/adopt.h"
#include "ipam/store-kube-priv.h"

/** adopt_say() - Tell one address */
void adopt_say(const struct adopt *adopt, enum adopt_kind kind,
	       const struct inet_addr *addr, const char *fmt, ...)
	printf_like(4, 5);

#endif
