/*
 * kubeconfig, as client-go's clientcmd reads it: data beside a file wins over
 * it, a token file wins over a token while it can be read, a token wins over
 * exec; files are relative to the kubeconfig's folder. What would make us
 * another user than the one that was meant is refused, not skipped: programs to
 * be executed, passwords, impersonation.
 *
 * The text, its document and what is taken from it are overwritten when they are
 * freed. What libyaml, libcurl and OpenSSL had in hand is theirs.
 */

#include "lib/http.h"
#include "lib/kube-config-priv.h"
#include "lib/yaml.h"

#include <stdio.h>
#include <string.h>

void kube_config_clear(struct kube_config *config)
{
	free(config->server);
	free(config->server_name);
	kube_secret_free(config->proxy); /* it may have a password */
	free(config->ca);
	free(config->cert);
	kube_secret_free(config->token);
	kube_secret_free(config->key);
	free(config->name_space);
	*config = (struct kube_config){ 0 };
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool kube_config_equal(const struct kube_config *a, const struct kube_config *b)
{
	return same(a->server, b->server) &&
	       same(a->server_name, b->server_name) &&
	       same(a->proxy, b->proxy) && same(a->ca, b->ca) &&
	       a->insecure == b->insecure && same(a->token, b->token) &&
	       same(a->cert, b->cert) && same(a->key, b->key);
}

/* --- from the document to credentials --------------------------------------------- */

static bool given(const char *text)
{
	return text && *text;
}

static int kube_path(const struct kubeconfig *file, const char *path,
		     char **ret, struct error *err)
{
	const char *slash = strrchr(file->path, '/');
	int folder = slash ? (int)(slash + 1 - file->path) : 0;

	if (*path == '/')
		folder = 0;
	if (asprintf(ret, "%.*s%s", folder, file->path, path) < 0)
		return error_oom(err);
	return 0;
}

/* Data wins over the file; neither is NULL. */
static int take_pem(const struct kubeconfig *file, const char *name,
		    const char *path, const char *data, char **ret,
		    struct error *err)
{
	cleanup_free char *full = NULL;
	size_t len = 0;
	int r;

	if (given(data)) {
		r = kube_base64(data, strlen(data), ret, &len, err);
		if (r == 0)
			r = kube_check_pem(*ret, err);
		if (r == KUBE_BASE64_BAD)
			r = error_set(err, ERROR_CONFIG, 0, "not base64");
		return r < 0 ? error_context(err, "%s-data", name) : 0;
	}
	if (!given(path))
		return 0;
	r = kube_path(file, path, &full, err);
	if (r == 0)
		r = kube_read_pem(full, ret, err);
	return r < 0 ? error_context(err, "%s", name) : 0;
}

static int take_string(const char *text, char **ret, struct error *err)
{
	if (!given(text))
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : error_oom(err);
}

static int take_cluster(const struct kubeconfig *file,
			struct kube_config *config, struct error *err)
{
	const struct cluster *cluster = &file->cluster;
	int r;

	if (!given(cluster->server))
		return error_set(err, ERROR_CONFIG, 0, "server: is empty");
	if (cluster->insecure &&
	    (given(cluster->ca_file) || given(cluster->ca_data)))
		return error_set(err, ERROR_CONFIG, 0,
				 "insecure-skip-tls-verify contradicts "
				 "certificate-authority");
	r = http_check_url(cluster->server, err);
	if (r < 0)
		return error_context(err, "server");
	config->insecure = cluster->insecure;
	r = take_string(cluster->server, &config->server, err);
	if (r == 0)
		r = take_string(cluster->server_name, &config->server_name,
				err);
	if (r == 0)
		r = take_string(cluster->proxy, &config->proxy, err);
	if (r == 0)
		r = take_pem(file, "certificate-authority", cluster->ca_file,
			     cluster->ca_data, &config->ca, err);
	return r;
}

static int check_user(const struct user *user, struct error *err)
{
	bool has_password = given(user->username) || given(user->password);
	bool has_token = given(user->token) || given(user->token_file);
	const char *what = NULL;

	if (user->has_exec && user->has_provider)
		return error_set(err, ERROR_CONFIG, 0,
				 "exec contradicts auth-provider");
	if (has_password && given(user->token))
		return error_set(err, ERROR_CONFIG, 0,
				 "username contradicts token");
	if (given(user->as) || user->has_as_more)
		what = "as: acting as another user";
	else if (has_password)
		what = "username: passwords";
	else if (user->has_exec && !has_token)
		what = "exec: credentials from a program";
	else if (user->has_provider && !has_token)
		what = "auth-provider: credentials from a program";
	if (!what)
		return 0;
	return error_set(err, ERROR_UNSUPPORTED, 0,
			 "%s are not supported; a token, tokenFile or "
			 "client-certificate is needed",
			 what);
}

static int take_token(const struct kubeconfig *file, struct kube_config *config,
		      struct error *err)
{
	const struct user *user = &file->user;
	cleanup_free char *path = NULL;
	int r;

	if (given(user->token_file)) {
		r = kube_path(file, user->token_file, &path, err);
		if (r == 0)
			r = kube_read_token(path, &config->token, err);
		if (r == 0)
			return 0;
		if (!given(user->token))
			return error_context(err, "tokenFile");
		*err = (struct error){ 0 };
	}
	if (!given(user->token))
		return 0;
	r = kube_check_token(user->token, err);
	if (r < 0)
		return error_context(err, "token");
	return take_string(user->token, &config->token, err);
}

static int take_user(const struct kubeconfig *file, struct kube_config *config,
		     struct error *err)
{
	const struct user *user = &file->user;
	int r;

	r = check_user(user, err);
	if (r == 0)
		r = take_token(file, config, err);
	if (r == 0)
		r = take_pem(file, "client-certificate", user->cert_file,
			     user->cert_data, &config->cert, err);
	if (r == 0)
		r = take_pem(file, "client-key", user->key_file, user->key_data,
			     &config->key, err);
	if (r < 0)
		return r;
	if (!config->cert != !config->key)
		return error_set(err, ERROR_CONFIG, 0,
				 config->key ? "client-key has no "
					       "client-certificate"
					     : "client-certificate has no "
					       "client-key");
	return 0;
}

int kube_config_parse(const char *text, size_t len, const char *path,
		      struct kube_config *ret, struct error *err)
{
	cleanup_kubeconfig struct kubeconfig file = { .path = path };
	cleanup_kube_config struct kube_config config = { 0 };
	cleanup_json_secret struct json *document = NULL;
	struct json_at root;
	int r;

	r = yaml_parse(text, len, &document, err);
	if (r < 0)
		return err->code == ERROR_DECODE
			       ? error_class(err, ERROR_CONFIG)
			       : r;
	root = json_root(document);
	r = kubeconfig_read(&root, &file, err);
	if (r < 0)
		return err->code == ERROR_DECODE
			       ? error_class(err, ERROR_CONFIG)
			       : r;
	r = take_cluster(&file, &config, err);
	if (r < 0)
		return error_context(err, "cluster \"%.64s\"",
				     file.context.cluster);
	r = take_user(&file, &config, err);
	if (r < 0)
		return error_context(err, "user \"%.64s\"", file.context.user);
	r = take_string(file.context.name_space, &config.name_space, err);
	if (r < 0)
		return r;
	*ret = config;
	config = (struct kube_config){ 0 };
	return 0;
}
