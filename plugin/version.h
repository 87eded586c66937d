#ifndef PLUGIN_VERSION_H
#define PLUGIN_VERSION_H

/*
 * The versions of the CNI specification that we speak.
 */

#include "lib/error.h"

#include <stddef.h>

enum version {
	VERSION_0_1_0,
	VERSION_0_2_0,
	VERSION_0_3_0,
	VERSION_0_3_1,
	VERSION_0_4_0,
	VERSION_1_0_0,
	VERSION_1_1_0,
};

#define VERSION_COUNT  7
#define VERSION_NEWEST VERSION_1_1_0

#define VERSION_LIST   "0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"

/** version_text() - "1.1.0" */
const char *version_text(enum version version);

/**
 * version_parse() - cniVersion to a version
 * @text:	NULL or "" means 0.1.0
 *
 * A version is one to three numbers with dots, and is ours only if it is
 * spelled as ours are: "1.0" is a version that we do not speak.
 *
 * Return: 0; negative with ERROR_DECODE if it is no version at all,
 * ERROR_VERSION if it is one that we do not speak
 */
int version_parse(const char *text, enum version *ret, struct error *err);

#endif
