#include "test/unit/read-config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

int read_config_with(const char *keys, enum request_verb verb,
		     const char *args_mac, const char *args_ip,
		     struct config *ret, struct error *err)
{
	struct inet_addr ip = { 0 };
	char mac[64] = "";
	char text[8192];
	struct request request = { .verb = verb, .config = text };

	if (args_mac)
		snprintf(mac, sizeof(mac), "%s", args_mac);
	request.args.mac = mac;
	if (args_ip) {
		cr_assert(inet_addr_parse(args_ip, &ip));
		request.args.ips = &ip;
		request.args.n_ips = 1;
	}
	snprintf(text, sizeof(text), "{" HEAD "%s%s}", *keys ? "," : "", keys);
	request.config_len = strlen(text);
	return config_read(&request, ret, err);
}

int read_keys(const char *keys, struct config *ret, struct error *err)
{
	return read_config_with(keys, REQUEST_ADD, NULL, NULL, ret, err);
}

int read_document(const char *text, enum request_verb verb, struct config *ret,
		  struct error *err)
{
	cleanup_free char *copy = strdup(text);
	const struct request request = { .verb = verb,
					 .config = copy,
					 .config_len = strlen(text),
					 .args.mac = (char[]){ "" } };

	return config_read(&request, ret, err);
}

void expect_addr(const struct inet_addr *got, const char *want)
{
	char text[INET_ADDR_TEXT];

	cr_expect_str_eq(inet_addr_format(got, text), want);
}

void expect_prefix(const struct inet_prefix *got, const char *want)
{
	char text[INET_PREFIX_TEXT];

	cr_expect_str_eq(inet_prefix_format(got, text), want);
}
