#ifndef LIB_LOG_H
#define LIB_LOG_H

/*
 * Free text on stderr, one line each, prefixed with the program and the level.
 * The CNI runtime forwards stderr to its own log; stdout belongs to the result.
 * Library code does not log what it returns as an error.
 */

#include "lib/cleanup.h"

enum log_level {
	LOG_LEVEL_QUIET,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/** log_init() - Set once by main; default is warnings, program "hostshim" */
void log_init(const char *program, enum log_level level);

/** log_warning() - Something an operator should know, though we go on */
void log_warning(const char *fmt, ...) printf_like(1, 2);

/** log_info() - What was done; shown by shimctl, not by the plugin */
void log_info(const char *fmt, ...) printf_like(1, 2);

/** log_debug() - For the person who hunts a bug */
void log_debug(const char *fmt, ...) printf_like(1, 2);

#endif
