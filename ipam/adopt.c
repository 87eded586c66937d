#include "ipam/adopt-priv.h"

#include <stdarg.h>
#include <stdio.h>

void adopt_say(const struct adopt *adopt, enum adopt_kind kind,
	       const struct inet_addr *addr, const char *fmt, ...)
{
	struct adopt_finding finding = { .kind = kind };
	va_list args;

	va_start(args, fmt);
	vsnprintf(finding.text, sizeof(finding.text), fmt, args);
	va_end(args);
	finding.addr = *addr;
	adopt->tell(adopt->arg, &finding);
}
