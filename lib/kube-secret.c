#include "lib/file.h"
#include "lib/json.h"
#include "lib/kube-priv.h"

#include <stdio.h>
#include <string.h>

void kube_secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

/* --- base64 ------------------------------------------------------------------- */

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
		"qrstuvwxyz0123456789+/";
	const char *p;

	if (c == '-') /* base64url, RFC 4648, section 5 */
		c = '+';
	else if (c == '_')
		c = '/';
	p = c ? strchr(digits, c) : NULL;
	return p ? (int)(p - digits) : -1;
}

int kube_base64(const char *text, size_t len, char **ret, size_t *ret_len,
		struct error *err)
{
	char *out = malloc(len + 1);
	unsigned int bits = 0, value = 0;
	size_t used = 0;
	size_t i;

	if (!out)
		return error_oom(err);
	for (i = 0; i < len && text[i] != '='; i++) {
		int digit = base64_digit(text[i]);

		/* Lines are folded, as Go allows. */
		if (text[i] == '\n' || text[i] == '\r')
			continue;
		if (digit < 0)
			break;
		value = (value << 6 | (unsigned int)digit) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[used++] = (char)(value >> bits & 0xff);
		}
	}
	out[used] = '\0';
	while (i < len && strchr("=\r\n", text[i]))
		i++;
	if (i < len || bits >= 6) {
		explicit_bzero(out, used);
		free(out);
		return KUBE_BASE64_BAD;
	}
	*ret = out;
	*ret_len = used;
	return 0;
}

/* --- tokens and certificates -------------------------------------------------- */

int kube_check_token(const char *token, struct error *err)
{
	if (!*token)
		return error_set(err, ERROR_CONFIG, 0, "the token is empty");
	for (const char *p = token; *p; p++)
		if (*p <= ' ' || *p > '~')
			return error_set(err, ERROR_CONFIG, 0,
					 "the token has a character that no "
					 "token has");
	return 0;
}

int kube_check_pem(const char *pem, struct error *err)
{
	const char *begin = strstr(pem, "-----BEGIN ");

	if (!begin)
		return error_set(err, ERROR_CONFIG, 0,
				 "not PEM: no \"-----BEGIN\"");
	if (!strstr(begin, "-----END "))
		return error_set(err, ERROR_CONFIG, 0,
				 "PEM is cut short: no \"-----END\"");
	return 0;
}

static int kube_read_file(const char *path, size_t max, char **ret,
			  struct error *err)
{
	size_t len = 0;
	int r;

	r = file_read(path, max, ret, &len, err);
	if (r < 0)
		return r;
	if (r == FILE_ABSENT)
		return error_set(err, ERROR_IO, ENOENT, "%s", path);
	if (strlen(*ret) == len)
		return 0;
	explicit_bzero(*ret, len);
	free(take_ptr(*ret));
	return error_set(err, ERROR_CONFIG, 0, "%s: a NUL in it", path);
}

static void kube_trim(char *text)
{
	size_t len = strlen(text);
	size_t begin;

	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	text[len] = '\0';
	begin = strspn(text, " \t\r\n");
	memmove(text, text + begin, len - begin + 1);
}

int kube_read_token(const char *path, char **ret, struct error *err)
{
	char *token = NULL;
	int r;

	r = kube_read_file(path, KUBE_TOKEN_MAX, &token, err);
	if (r < 0)
		return r;
	kube_trim(token);
	r = kube_check_token(token, err);
	if (r < 0) {
		kube_secret_free(token);
		return error_context(err, "%s", path);
	}
	*ret = token;
	return 0;
}

int kube_read_pem(const char *path, char **ret, struct error *err)
{
	char *pem = NULL;
	int r;

	r = kube_read_file(path, KUBE_PEM_MAX, &pem, err);
	if (r < 0)
		return r;
	r = kube_check_pem(pem, err);
	if (r < 0) {
		kube_secret_free(pem);
		return error_context(err, "%s", path);
	}
	*ret = pem;
	return 0;
}

/* --- what a token says -------------------------------------------------------- */

static char *kube_claim(const struct json *payload)
{
	const struct json_at root = json_root(payload);
	struct json_at kubernetes, node, name;
	const char *text;

	if (!json_member(&root, "kubernetes.io", &kubernetes) ||
	    !json_member(&kubernetes, "node", &node) ||
	    !json_member(&node, "name", &name))
		return NULL;
	text = json_text(&name);
	return text && *text ? strdup(text) : NULL;
}

char *kube_token_node(const char *token)
{
	cleanup_json struct json *payload = NULL;
	cleanup_free char *text = NULL;
	const char *begin = strchr(token, '.');
	const char *end = begin ? strchr(begin + 1, '.') : NULL;
	struct error err = { 0 };
	size_t len = 0;

	if (!end)
		return NULL;
	begin++;
	if (kube_base64(begin, (size_t)(end - begin), &text, &len, &err) != 0 ||
	    json_parse(text, len, &payload, &err) < 0)
		return NULL;
	return kube_claim(payload);
}
