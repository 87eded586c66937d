#include "plugin/ctl/ctl.h"

#include <stdarg.h>

int ctl_usage(const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(stderr, "shimctl: %s -> shimctl --help\n", text);
	return CTL_USAGE;
}
