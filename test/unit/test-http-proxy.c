#include "lib/http.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct sample {
	const char *exempt; /* NO_PROXY */
	const char *host;
	unsigned int port;
	bool used;
};

/* As golang.org/x/net/http/httpproxy has it. */
static const struct sample samples[] = {
	{ "", "api.example.com", 443, true },
	{ "", "10.0.0.1", 6443, true },
	{ "", "localhost", 443, false },
	{ "", "LOCALHOST", 443, false },
	{ "", "127.0.0.1", 6443, false },
	{ "", "127.8.0.1", 6443, false },
	{ "", "::1", 6443, false },
	{ "*", "api.example.com", 443, false },
	{ "example.com", "example.com", 443, false },
	{ "example.com", "api.example.com", 443, false },
	{ "EXAMPLE.com", "api.Example.Com", 443, false },
	{ "example.com", "notexample.com", 443, true },
	{ ".example.com", "example.com", 443, true },
	{ ".example.com", "api.example.com", 443, false },
	{ "*.example.com", "api.example.com", 443, false },
	{ "*.example.com", "example.com", 443, true },
	{ "foo, example.com ,bar", "api.example.com", 443, false },
	{ "example.com:443", "example.com", 443, false },
	{ "example.com:443", "example.com", 6443, true },
	{ "10.0.0.1", "10.0.0.1", 6443, false },
	{ "10.0.0.1", "10.0.0.10", 6443, true },
	{ "10.0.0.1:6443", "10.0.0.1", 6443, false },
	{ "10.0.0.1:443", "10.0.0.1", 6443, true },
	{ "10.0.0.0/8", "10.99.1.2", 6443, false },
	{ "10.0.0.0/8", "11.0.0.1", 6443, true },
	{ "10.0.0.0/8", "api.example.com", 443, true },
	{ "fd00::/8", "fd00::1", 443, false },
	{ "fd00::/8", "10.0.0.1", 443, true },
	{ "fd00::1", "fd00::1", 443, false },
	{ "[fd00::1]:443", "fd00::1", 443, false },
	{ "[fd00::1]:443", "fd00::1", 6443, true },
	{ "10.0.0", "10.0.0.1", 443, true },
	{ ",,, ,", "api.example.com", 443, true },
	{ "[", "api.example.com", 443, true },
	{ ".", "api.example.com", 443, true },
	{ ":443", "api.example.com", 443, true },
};

static void forget(void)
{
	unsetenv("HTTPS_PROXY");
	unsetenv("https_proxy");
	unsetenv("NO_PROXY");
	unsetenv("no_proxy");
}

TestSuite(http_proxy, .init = forget);

Test(http_proxy, is_chosen_as_go_does)
{
	char proxy[HTTP_PROXY_MAX];
	struct error err = { 0 };

	setenv("HTTPS_PROXY", "http://proxy:3128", 1);
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];

		setenv("NO_PROXY", s->exempt, 1);
		cr_assert_eq(http_proxy(s->host, s->port, proxy, &err), 0);
		cr_expect_str_eq(proxy, s->used ? "http://proxy:3128" : "",
				 "NO_PROXY=%s %s:%u", s->exempt, s->host,
				 s->port);
	}
}

Test(http_proxy, has_its_environment)
{
	char proxy[HTTP_PROXY_MAX];
	struct error err = { 0 };
	char more[300];

	cr_assert_eq(http_proxy("a.example", 443, proxy, &err), 0);
	cr_expect_str_eq(proxy, "");
	setenv("ALL_PROXY", "http://all:1", 1);
	setenv("HTTP_PROXY", "http://plain:1", 1);
	cr_assert_eq(http_proxy("a.example", 443, proxy, &err), 0);
	cr_expect_str_eq(proxy, "");
	setenv("https_proxy", "small:3128", 1);
	cr_assert_eq(http_proxy("a.example", 443, proxy, &err), 0);
	cr_expect_str_eq(proxy, "http://small:3128");
	setenv("HTTPS_PROXY", "socks5://large:1080", 1);
	cr_assert_eq(http_proxy("a.example", 443, proxy, &err), 0);
	cr_expect_str_eq(proxy, "socks5://large:1080");
	setenv("no_proxy", "example", 1);
	cr_assert_eq(http_proxy("a.example", 443, proxy, &err), 0);
	cr_expect_str_eq(proxy, "");

	memset(more, 'x', sizeof(more) - 1);
	more[sizeof(more) - 1] = '\0';
	setenv("HTTPS_PROXY", more, 1);
	cr_expect_lt(http_proxy("b.other", 443, proxy, &err), 0);
	cr_expect_eq(err.code, ERROR_ENVIRONMENT);
}
