#include "plugin/version.h"

#include <ctype.h>
#include <string.h>

static const char *const version_texts[VERSION_COUNT] = {
	[VERSION_0_1_0] = "0.1.0", [VERSION_0_2_0] = "0.2.0",
	[VERSION_0_3_0] = "0.3.0", [VERSION_0_3_1] = "0.3.1",
	[VERSION_0_4_0] = "0.4.0", [VERSION_1_0_0] = "1.0.0",
	[VERSION_1_1_0] = "1.1.0",
};

const char *version_text(enum version version)
{
	return version_texts[version];
}

static bool version_is_well_formed(const char *text)
{
	for (int part = 0; part < 3; part++) {
		if (!isdigit((unsigned char)*text))
			return false;
		while (isdigit((unsigned char)*text))
			text++;
		if (*text == '\0')
			return true;
		if (*text++ != '.')
			return false;
	}
	return false;
}

int version_parse(const char *text, enum version *ret, struct error *err)
{
	if (!text || !*text)
		text = version_texts[VERSION_0_1_0];

	for (unsigned int i = 0; i < VERSION_COUNT; i++) {
		if (strcmp(text, version_texts[i]) == 0) {
			*ret = (enum version)i;
			return 0;
		}
	}

	if (!version_is_well_formed(text))
		return error_set(err, ERROR_DECODE, 0,
				 "cniVersion: \"%s\" is no version", text);
	return error_set(err, ERROR_VERSION, 0,
			 "cniVersion: \"%s\" is not supported, supported are "
			 "%s",
			 text, VERSION_LIST);
}
