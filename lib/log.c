#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>

static const char *log_program = "hostshim";
static enum log_level log_threshold = LOG_LEVEL_WARNING;

void log_init(const char *program, enum log_level level)
{
	log_program = program;
	log_threshold = level;
}

/* One write per line, so that parallel ADDs do not interleave theirs. */
static void log_line(enum log_level level, const char *word, const char *fmt,
		     va_list args) printf_like(3, 0);
static void log_line(enum log_level level, const char *word, const char *fmt,
		     va_list args)
{
	char line[1200];
	int used;

	if (level > log_threshold)
		return;

	used = snprintf(line, sizeof(line) - 1, "%s: %s", log_program, word);
	if (used < 0 || (size_t)used >= sizeof(line) - 1)
		return;
	vsnprintf(line + used, sizeof(line) - 1 - (size_t)used, fmt, args);
	dprintf(STDERR_FILENO, "%s\n", line);
}

void log_warning(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_WARNING, "warning: ", fmt, args);
	va_end(args);
}

void log_info(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_INFO, "", fmt, args);
	va_end(args);
}

void log_debug(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_DEBUG, "debug: ", fmt, args);
	va_end(args);
}
