#include "lib/file.h"
#include "lib/kube-priv.h"
#include "lib/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define PEM_CERT  "-----BEGIN C-----\nAA==\n-----END C-----\n"
#define PEM_KEY   "-----BEGIN K-----\nBB==\n-----END K-----\n"
#define DATA_CERT "LS0tLS1CRUdJTiBDLS0tLS0KQUE9PQotLS0tLUVORCBDLS0tLS0K"
#define DATA_KEY  "LS0tLS1CRUdJTiBLLS0tLS0KQkI9PQotLS0tLUVORCBLLS0tLS0K"

/* A kubeconfig of one context; cluster and user as flow mappings. */
#define CONFIG(cluster, user)                                                  \
	"apiVersion: v1\nkind: Config\ncurrent-context: c\n"                   \
	"contexts:\n- name: c\n  context: {cluster: k, user: u}\n"             \
	"clusters:\n- name: k\n  cluster: " cluster "\n"                       \
	"users:\n- name: u\n  user: " user "\n"
#define SERVER "server: https://10.0.0.1:6443"

static char dir[] = "/tmp/hostshim-kube-XXXXXX";
static char path[128]; /* of the kubeconfig */

static const char *const names[] = { "kubeconfig", "token", "old", "cert",
				     "key",        "cut",   "nul", "later" };

static void make_file(const char *name, const char *text, size_t len)
{
	cleanup_close int fd = -1;
	struct error err = { 0 };
	char file[160];

	snprintf(file, sizeof(file), "%s/%s", dir, name);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(file_write_all(fd, text, len, &err), 0);
}

static void make_text(const char *name, const char *text)
{
	make_file(name, text, strlen(text));
}

static void make_dir(void)
{
	log_init("test", LOG_LEVEL_QUIET);
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/kubeconfig", dir);
	make_text("token", "  file-token\n\n");
	make_text("cert", PEM_CERT);
	make_text("key", PEM_KEY);
	make_text("cut", "-----BEGIN C-----\nAA");
	make_file("nul", "tok\0en", 6);
}

static void drop_dir(void)
{
	char file[160];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(file, sizeof(file), "%s/%s", dir, names[i]);
		unlink(file);
	}
	rmdir(dir);
}

TestSuite(kube_config, .init = make_dir, .fini = drop_dir);

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

struct good {
	const char *name;
	const char *text;
	struct {
		const char *server, *server_name, *proxy, *ca, *token, *cert,
			*key;
		bool insecure;
	} wanted;
};

static const struct good goods[] = {
	{ "token and CA data",
	  CONFIG("{" SERVER ", certificate-authority-data: " DATA_CERT "}",
		 "{token: abc.def}"),
	  { .server = "https://10.0.0.1:6443",
	    .ca = PEM_CERT,
	    .token = "abc.def" } },
	{ "files beside it",
	  CONFIG("{" SERVER ", certificate-authority: cert}",
		 "{client-certificate: ./cert, client-key: key}"),
	  { .server = "https://10.0.0.1:6443",
	    .ca = PEM_CERT,
	    .cert = PEM_CERT,
	    .key = PEM_KEY } },
	{ "data wins over a file",
	  CONFIG("{" SERVER ", certificate-authority: absent, "
		 "certificate-authority-data: " DATA_CERT "}",
		 "{client-certificate: absent, client-certificate-data: " DATA_CERT
		 ", client-key: absent, client-key-data: " DATA_KEY "}"),
	  { .server = "https://10.0.0.1:6443",
	    .ca = PEM_CERT,
	    .cert = PEM_CERT,
	    .key = PEM_KEY } },
	{ "a token file is trimmed, and wins over a token",
	  CONFIG("{" SERVER "}", "{token: mine, tokenFile: token}"),
	  { .server = "https://10.0.0.1:6443", .token = "file-token" } },
	{ "a token serves where its file does not",
	  CONFIG("{" SERVER "}", "{token: mine, tokenFile: absent}"),
	  { .server = "https://10.0.0.1:6443", .token = "mine" } },
	{ "a token of digits",
	  CONFIG("{" SERVER "}", "{token: 0123456789012345678901}"),
	  { .server = "https://10.0.0.1:6443",
	    .token = "0123456789012345678901" } },
	{ "a token wins over exec",
	  CONFIG("{" SERVER "}", "{token: mine, exec: {command: aws}}"),
	  { .server = "https://10.0.0.1:6443", .token = "mine" } },
	{ "name, proxy, insecure",
	  CONFIG("{" SERVER ", tls-server-name: api, proxy-url: 'http://p:1', "
		 "insecure-skip-tls-verify: true}",
		 "{}"),
	  { .server = "https://10.0.0.1:6443",
	    .server_name = "api",
	    .proxy = "http://p:1",
	    .insecure = true } },
	{ "nobody in particular",
	  "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
	  "clusters: [{name: k, cluster: {" SERVER "}}]\n",
	  { .server = "https://10.0.0.1:6443" } },
	{ "what is empty is not there",
	  CONFIG("{" SERVER ", certificate-authority: '', proxy-url: ''}",
		 "{token: t, username: '', as: '', as-groups: [], exec: null}"),
	  { .server = "https://10.0.0.1:6443", .token = "t" } },
	{ "JSON",
	  "{\"kind\":\"Config\",\"current-context\":\"c\",\"contexts\":"
	  "[{\"name\":\"c\",\"context\":{\"cluster\":\"k\",\"user\":\"u\"}}],"
	  "\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":\"https://h\"}"
	  "}],\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"t\"}}]}",
	  { .server = "https://h", .token = "t" } },
	{ "others may be broken, and there is more than we know",
	  "preferences: {colors: true}\nextensions: []\n"
	  "current-context: 2\ncontexts:\n"
	  "- {name: 1, context: {cluster: 1}}\n"
	  "- {name: 2, context: {cluster: 2, user: 2, namespace: x}}\n"
	  "clusters:\n- {name: 1, cluster: 5}\n"
	  "- {name: 2, cluster: {" SERVER ", extensions: [a]}}\n"
	  "users:\n- {name: 2, user: {token: t}}\n- {name: 3, user: {exec: 1}}\n",
	  { .server = "https://10.0.0.1:6443", .token = "t" } },
	{ "anchors",
	  "base: &u {token: t}\n" CONFIG("{" SERVER "}", "*u"),
	  { .server = "https://10.0.0.1:6443", .token = "t" } },
};

Test(kube_config, is_read_as_client_go_does)
{
	for (size_t i = 0; i < ARRAY_SIZE(goods); i++) {
		const struct good *g = &goods[i];
		cleanup_kube_config struct kube_config c = { 0 };
		struct error err = { 0 };

		cr_assert_eq(kube_config_parse(g->text, strlen(g->text), path,
					       &c, &err),
			     0, "%s: %s", g->name, err.details);
		cr_expect(same(c.server, g->wanted.server), "%s", g->name);
		cr_expect(same(c.server_name, g->wanted.server_name), "%s",
			  g->name);
		cr_expect(same(c.proxy, g->wanted.proxy), "%s", g->name);
		cr_expect(same(c.ca, g->wanted.ca), "%s", g->name);
		cr_expect(same(c.token, g->wanted.token), "%s", g->name);
		cr_expect(same(c.cert, g->wanted.cert), "%s", g->name);
		cr_expect(same(c.key, g->wanted.key), "%s", g->name);
		cr_expect_eq(c.insecure, g->wanted.insecure, "%s", g->name);
	}
}

struct bad {
	const char *text;
	const char *words;
	enum error_code code;
};

static const struct bad bads[] = {
	{ "", "the input is empty", ERROR_CONFIG },
	{ "hello", "expected an object, got a string", ERROR_CONFIG },
	{ "a: [\n", "line 2, column 1", ERROR_CONFIG },
	{ "kind: Config\n", "current-context", ERROR_CONFIG },
	{ "current-context: ''\n", "current-context: names none",
	  ERROR_CONFIG },
	{ "kind: Pod\ncurrent-context: c\n", "\"Pod\" is no kubeconfig",
	  ERROR_CONFIG },
	{ "current-context: c\n", "there are no contexts", ERROR_CONFIG },
	{ "current-context: c\ncontexts: {}\n",
	  "contexts: expected an array, got an object", ERROR_CONFIG },
	{ "current-context: c\ncontexts: [{name: d, context: {}}]\n",
	  "contexts has no \"c\"", ERROR_CONFIG },
	{ "current-context: c\ncontexts: [c]\n",
	  "contexts[0]: expected an object", ERROR_CONFIG },
	{ "current-context: c\ncontexts: [{context: {}}]\n",
	  "contexts[0]: has no name", ERROR_CONFIG },
	{ "current-context: c\ncontexts: [{name: c}]\n",
	  "contexts[0]: has no context", ERROR_CONFIG },
	{ "current-context: c\ncontexts: [{name: c, context: {cluster: k}}, "
	  "{name: c, context: {cluster: k}}]\n",
	  "contexts[1]: a second \"c\"", ERROR_CONFIG },
	{ "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n",
	  "context \"c\": there are no clusters", ERROR_CONFIG },
	{ "current-context: c\ncontexts: [{name: c, context: {cluster: k, "
	  "user: v}}]\nclusters: [{name: k, cluster: {" SERVER
	  "}}]\nusers: []\n",
	  "context \"c\": users has no \"v\"", ERROR_CONFIG },
	{ CONFIG("{}", "{}"), "server", ERROR_CONFIG },
	{ CONFIG("{server: ''}", "{}"), "cluster \"k\": server: is empty",
	  ERROR_CONFIG },
	{ CONFIG("{server: [a]}", "{}"),
	  "clusters[0].cluster.server: expected a string, got an array",
	  ERROR_CONFIG },
	{ CONFIG("{" SERVER ", insecure-skip-tls-verify: yes}", "{}"),
	  "insecure-skip-tls-verify: expected a boolean", ERROR_CONFIG },
	{ CONFIG("{" SERVER ", insecure-skip-tls-verify: true, "
		 "certificate-authority: cert}",
		 "{}"),
	  "contradicts certificate-authority", ERROR_CONFIG },
	{ CONFIG("{" SERVER ", certificate-authority: absent}", "{}"),
	  "cluster \"k\": certificate-authority: ", ERROR_IO },
	{ CONFIG("{" SERVER ", certificate-authority: cut}", "{}"),
	  "PEM is cut short", ERROR_CONFIG },
	{ CONFIG("{" SERVER ", certificate-authority: token}", "{}"), "not PEM",
	  ERROR_CONFIG },
	{ CONFIG("{" SERVER ", certificate-authority-data: '%'}", "{}"),
	  "certificate-authority-data: not base64", ERROR_CONFIG },
	{ CONFIG("{" SERVER ", certificate-authority-data: aGVsbG8gd29ybGQ=}",
		 "{}"),
	  "certificate-authority-data: not PEM", ERROR_CONFIG },
	{ CONFIG("{" SERVER "}", "{client-certificate: cert}"),
	  "user \"u\": client-certificate has no client-key", ERROR_CONFIG },
	{ CONFIG("{" SERVER "}", "{client-key-data: " DATA_KEY "}"),
	  "client-key has no client-certificate", ERROR_CONFIG },
	{ CONFIG("{" SERVER "}", "{tokenFile: absent}"),
	  "user \"u\": tokenFile: ", ERROR_IO },
	{ CONFIG("{" SERVER "}", "{tokenFile: nul}"), "a NUL in it",
	  ERROR_CONFIG },
	{ CONFIG("{" SERVER "}", "{tokenFile: /dev/zero}"), "is no file",
	  ERROR_IO },
	{ CONFIG("{" SERVER "}", "{token: \"a\\nHost: evil\"}"),
	  "token: the token has a character", ERROR_CONFIG },
	{ CONFIG("{" SERVER "}", "{token: é}"),
	  "token: the token has a character", ERROR_CONFIG },
	{ CONFIG("{" SERVER "}", "{exec: {command: aws}}"),
	  "exec: ", ERROR_UNSUPPORTED },
	{ CONFIG("{" SERVER "}", "{exec: {command: a}, "
				 "client-certificate: cert, client-key: key}"),
	  "exec: ", ERROR_UNSUPPORTED },
	{ CONFIG("{" SERVER "}", "{auth-provider: {name: gcp}}"),
	  "auth-provider: ", ERROR_UNSUPPORTED },
	{ CONFIG("{" SERVER "}", "{auth-provider: {name: a}, exec: {b: c}}"),
	  "exec contradicts auth-provider", ERROR_CONFIG },
	{ CONFIG("{" SERVER "}", "{username: a, password: b}"),
	  "username: ", ERROR_UNSUPPORTED },
	{ CONFIG("{" SERVER "}", "{username: a, token: b}"),
	  "username contradicts token", ERROR_CONFIG },
	{ CONFIG("{" SERVER "}", "{token: a, as: root}"),
	  "as: ", ERROR_UNSUPPORTED },
	{ CONFIG("{" SERVER "}", "{token: a, as-groups: [wheel]}"),
	  "as: ", ERROR_UNSUPPORTED },
};

Test(kube_config, a_bad_one_is_named)
{
	for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
		const struct bad *b = &bads[i];
		cleanup_kube_config struct kube_config c = { 0 };
		struct error err = { 0 };

		cr_expect_lt(kube_config_parse(b->text, strlen(b->text), path,
					       &c, &err),
			     0, "%s", b->text);
		cr_expect_eq(err.code, b->code, "%s: %s", b->text, err.details);
		cr_expect(strstr(err.details, b->words), "%s: %s", b->text,
			  err.details);
		cr_expect_null(c.server);
	}
}

Test(kube_config, no_secret_is_in_a_message)
{
	static const char *const texts[] = {
		CONFIG("{" SERVER "}", "{token: 's3cr et'}"),
		CONFIG("{" SERVER "}", "{client-key-data: s3cret%}"),
		CONFIG("{" SERVER "}", "{password: s3cret}"),
		CONFIG("{" SERVER "}", "{token: s3cret, token: s3cret}"),
		CONFIG("{" SERVER "}", "{token: [s3cret]}"),
		CONFIG("{" SERVER "}", "{token: s3cret: x}"),
		CONFIG("{" SERVER "}", "{token: \"s3cret}"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_kube_config struct kube_config c = { 0 };
		struct error err = { 0 };

		cr_expect_lt(kube_config_parse(texts[i], strlen(texts[i]), path,
					       &c, &err),
			     0, "%s", texts[i]);
		cr_expect_not(strstr(err.details, "s3c"), "%s", err.details);
	}
}

/* --- files -------------------------------------------------------------------- */

/* What the file is to hold after the first pause; lib/kube waits with this. */
static const char *written_meanwhile;
static unsigned int pauses;

int __wrap_nanosleep(const struct timespec *request, struct timespec *rest);

int __wrap_nanosleep(const struct timespec *request, struct timespec *rest)
{
	(void)request;
	(void)rest;
	pauses++;
	if (written_meanwhile)
		make_text("kubeconfig", written_meanwhile);
	return 0;
}

Test(kube_config, half_written_is_read_again)
{
	cleanup_kube struct kube *kube = NULL;
	struct error err = { 0 };

	make_text("kubeconfig", "apiVersion: v1\nclusters:\n- name: [");
	written_meanwhile = CONFIG("{" SERVER "}", "{token: t}");
	cr_assert_eq(kube_open(path, &kube, &err), 0, "%s", err.details);
	cr_expect_eq(pauses, 1);
	cr_expect_str_eq(kube_server(kube), "https://10.0.0.1:6443");
}

Test(kube_config, half_written_for_good_is_an_error)
{
	struct kube *kube = NULL;
	struct error err = { 0 };

	make_text("kubeconfig", "apiVersion: v1\nclusters:\n- name: [");
	cr_expect_lt(kube_open(path, &kube, &err), 0);
	cr_expect_eq(err.code, ERROR_CONFIG);
	cr_expect(strstr(err.details, path) && strstr(err.details, "line "),
		  "%s", err.details);
	cr_expect_gt(pauses, 1);
}

Test(kube_config, an_old_broken_one_is_not_waited_for)
{
	static const struct timespec old[2] = { { .tv_sec = 1 },
						{ .tv_sec = 1 } };
	struct kube *kube = NULL;
	struct error err = { 0 };

	make_text("kubeconfig", "clusters: [");
	cr_assert_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	cr_expect_lt(kube_open(path, &kube, &err), 0);
	cr_expect_eq(pauses, 0);
}

Test(kube_config, an_absent_one_is_named)
{
	struct kube *kube = NULL;
	struct error err = { 0 };

	cr_expect_lt(kube_open(path, &kube, &err), 0);
	cr_expect_eq(err.code, ERROR_CONFIG);
	cr_expect(strstr(err.details, path), "%s", err.details);
	cr_expect_eq(pauses, 0);
}

Test(kube_config, who_may_write_it_is_who_is_trusted)
{
	cleanup_kube struct kube *kube = NULL;
	struct error err = { 0 };

	make_text("kubeconfig", CONFIG("{" SERVER "}", "{token: t}"));
	cr_assert_eq(chmod(path, 0644), 0);
	cr_expect_eq(kube_open(path, &kube, &err), 0);
	kube = kube_close(kube);
	cr_assert_eq(chmod(path, 0646), 0);
	cr_expect_lt(kube_open(path, &kube, &err), 0);
	cr_expect_eq(err.code, ERROR_CONFIG);
	cr_expect(strstr(err.details, "mode 0646"), "%s", err.details);
}

Test(kube_config, outside_of_a_pod_there_is_no_account)
{
	struct kube *kube = NULL;
	struct error err = { 0 };

	unsetenv("KUBERNETES_SERVICE_HOST");
	cr_expect_lt(kube_open_in_cluster(&kube, &err), 0);
	cr_expect_eq(err.code, ERROR_ENVIRONMENT);
}

/* --- servers ------------------------------------------------------------------ */

struct server {
	const char *url;
	const char *words; /* NULL: it can be tried */
};

static const struct server servers[] = {
	{ "https://127.0.0.1:1", NULL },
	{ "https://127.0.0.1:1/k8s/clusters/c-1/", NULL },
	{ "127.0.0.1:1", NULL },
	{ "https://[::1]:1", NULL },
	{ "http://127.0.0.1:1", "must begin with https://" },
	{ "ftp://127.0.0.1:1", "https://" },
	{ "file:///etc/passwd", "https://" },
	{ "https://", "URL" },
	{ "https://127.0.0.1:port", "no URL" },
	{ "https://127.0.0.1:99999", "no URL" },
	{ "https://ho st", "no URL" },
	{ "https://a:s3cret@127.0.0.1:1", "the URL has a user" },
	{ "https://127.0.0.1:1/?x", "the URL has a query" },
	{ "https://127.0.0.1:1/#x", "the URL has a fragment" },
};

Test(kube_config, a_server_is_https_and_nothing_more, .timeout = 60)
{
	const struct kube_request request = { .method = "GET", .path = "/" };
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		cleanup_kube_answer struct kube_answer answer = { 0 };
		cleanup_kube struct kube *kube = NULL;
		struct error err = { 0 };
		int r;

		snprintf(text, sizeof(text), CONFIG("{server: '%s'}", "{}"),
			 servers[i].url);
		make_text("kubeconfig", text);
		r = kube_open(path, &kube, &err);
		if (!servers[i].words) {
			cr_assert_eq(r, 0, "%s", err.details);
			r = kube_call(kube, &request, &answer, &err);
			cr_expect_eq(r, KUBE_AWAY, "%s: %s", servers[i].url,
				     err.details);
			cr_expect(*answer.message, "%s", servers[i].url);
			continue;
		}
		cr_expect_lt(r, 0, "%s", servers[i].url);
		cr_expect_eq(err.code, ERROR_CONFIG);
		cr_expect(strstr(err.details, servers[i].words) &&
				  !strstr(err.details, "s3cret"),
			  "%s: %s", servers[i].url, err.details);
	}
}

Test(kube_config, a_certificate_that_is_none_is_our_own_fault)
{
	static const char *const texts[] = {
		CONFIG("{server: 'https://127.0.0.1:1', "
		       "certificate-authority: cert}",
		       "{}"),
		CONFIG("{server: 'https://127.0.0.1:1'}",
		       "{client-certificate: cert, client-key: key}"),
	};
	const struct kube_request request = { .method = "GET", .path = "/" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_kube_answer struct kube_answer answer = { 0 };
		cleanup_kube struct kube *kube = NULL;
		struct error err = { 0 };
		int r;

		make_text("kubeconfig", texts[i]);
		cr_assert_eq(kube_open(path, &kube, &err), 0, "%s",
			     err.details);
		r = kube_call(kube, &request, &answer, &err);
		/* It is looked at only when somebody answers. */
		cr_expect(r == KUBE_AWAY || err.code == ERROR_CONFIG, "%d: %s",
			  r, err.details);
	}
}

/* --- tokens ------------------------------------------------------------------- */

struct token {
	const char *token;
	const char *node;
};

static const struct token tokens[] = {
	{ "h.eyJrdWJlcm5ldGVzLmlvIjogeyJuYW1lc3BhY2UiOiAiZCIsICJub2RlIjogeyJuYW"
	  "1lIjogIm5vZGUtNyIsICJ1aWQiOiAidSJ9fX0.s",
	  "node-7" },
	{ "h.eyJrdWJlcm5ldGVzLmlvIjogeyJuYW1lc3BhY2UiOiAiZCJ9fQ.s", NULL },
	{ "h.eyJrdWJlcm5ldGVzLmlvIjogeyJub2RlIjogIm4ifX0.s", NULL },
	{ "h.e30.s", NULL },
	{ "h..s", NULL },
	{ "..", NULL },
	{ "opaque", NULL },
	{ "h.e30", NULL },
	{ "h.%%%%.s", NULL },
	{ "h.bm90IGpzb24.s", NULL },
};

Test(kube_config, a_token_may_say_its_node)
{
	for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
		cleanup_free char *node = kube_token_node(tokens[i].token);

		cr_expect(same(node, tokens[i].node), "%s: %s", tokens[i].token,
			  node);
	}
}

struct base64 {
	const char *text;
	const char *wanted; /* NULL: refused */
};

static const struct base64 base64s[] = {
	{ "", "" },
	{ "QQ==", "A" },
	{ "QUI=", "AB" },
	{ "QUJD", "ABC" },
	{ "QQ", "A" },
	{ "QU\r\nI\n=\n", "AB" },
	{ "_-8", "\xff\xef" },
	{ "/+8=", "\xff\xef" },
	{ "Q", NULL },
	{ "QUJDR", NULL },
	{ "QQ==QQ==", NULL },
	{ "Q Q", NULL },
	{ "QUI=x", NULL },
	{ "=", "" },
};

Test(kube_config, base64_is_whole_or_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(base64s); i++) {
		const struct base64 *b = &base64s[i];
		cleanup_free char *out = NULL;
		struct error err = { 0 };
		size_t len = 0;
		int r = kube_base64(b->text, strlen(b->text), &out, &len, &err);

		cr_expect_eq(r, b->wanted ? 0 : KUBE_BASE64_BAD, "%s", b->text);
		cr_expect(same(out, b->wanted), "%s: %s", b->text, out);
	}
}
