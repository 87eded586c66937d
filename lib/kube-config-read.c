/*
 * The document: lists of named entries, of which the current context names one
 * each.
 */

#include "lib/kube-config-priv.h"

#include <stdlib.h>
#include <string.h>

void kubeconfig_clear(struct kubeconfig *file)
{
	struct cluster *cluster = &file->cluster;
	struct user *user = &file->user;
	char *const plain[] = {
		file->current,         file->kind,
		cluster->server,       cluster->ca_file,
		cluster->ca_data,      user->cert_file,
		user->cert_data,       user->key_file,
		user->username,        user->as,
		user->token_file,      file->context.user,
		file->context.cluster, file->context.name_space,
		cluster->server_name,
	};

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		free(plain[i]);
	kube_secret_free(cluster->proxy); /* it may have a password */
	kube_secret_free(user->token);
	kube_secret_free(user->key_data);
	kube_secret_free(user->password);
}

/* --- fields ----------------------------------------------------------------------- */

/* Present, whatever it is; an empty list or object is not. */
static int read_presence(const struct json_at *at, void *member,
			 struct error *err)
{
	bool *has = member;

	(void)err;
	*has = json_count(at) > 0 || (json_text(at) && *json_text(at));
	return 0;
}

static const struct json_field cluster_fields[] = {
	JSON_STRING("server", struct cluster, server, JSON_REQUIRED),
	JSON_STRING("tls-server-name", struct cluster, server_name, 0),
	JSON_BOOL("insecure-skip-tls-verify", struct cluster, insecure, 0),
	JSON_STRING("certificate-authority", struct cluster, ca_file, 0),
	JSON_STRING("certificate-authority-data", struct cluster, ca_data, 0),
	JSON_STRING("proxy-url", struct cluster, proxy, 0),
	JSON_END
};

static const struct json_field user_fields[] = {
	JSON_STRING("client-certificate", struct user, cert_file, 0),
	JSON_STRING("client-certificate-data", struct user, cert_data, 0),
	JSON_STRING("client-key", struct user, key_file, 0),
	JSON_STRING("client-key-data", struct user, key_data, 0),
	JSON_STRING("token", struct user, token, 0),
	JSON_STRING("tokenFile", struct user, token_file, 0),
	JSON_STRING("as", struct user, as, 0),
	JSON_WITH("as-uid", read_presence, struct user, has_as_more, 0),
	JSON_WITH("as-groups", read_presence, struct user, has_as_more, 0),
	JSON_WITH("as-user-extra", read_presence, struct user, has_as_more, 0),
	JSON_STRING("username", struct user, username, 0),
	JSON_STRING("password", struct user, password, 0),
	JSON_WITH("auth-provider", read_presence, struct user, has_provider, 0),
	JSON_WITH("exec", read_presence, struct user, has_exec, 0),
	JSON_END
};

static const struct json_field context_fields[] = {
	JSON_STRING("cluster", struct context, cluster, JSON_REQUIRED),
	JSON_STRING("user", struct context, user, 0),
	JSON_STRING("namespace", struct context, name_space, 0), JSON_END
};

static const struct json_field file_fields[] = {
	JSON_STRING("kind", struct kubeconfig, kind, 0),
	JSON_STRING("current-context", struct kubeconfig, current,
		    JSON_REQUIRED),
	JSON_END
};

/* --- named entries ---------------------------------------------------------------- */

/* "clusters" holds entries { name, cluster: {...} }; the other two alike. */
struct section {
	const char *list;
	const char *item;
	const struct json_field *fields;
};

static const struct section section_contexts = { "contexts", "context",
						 context_fields };
static const struct section section_clusters = { "clusters", "cluster",
						 cluster_fields };
static const struct section section_users = { "users", "user", user_fields };

static int section_name(const struct json_at *entry, const char **ret,
			struct error *err)
{
	struct json_at name;

	if (json_type(entry) != JSON_TYPE_OBJECT)
		return json_expected(entry, "an object", err);
	if (!json_member(entry, "name", &name))
		return json_error(entry, err, "has no name");
	*ret = json_text(&name);
	return *ret ? 0 : json_expected(&name, "a string", err);
}

/* Reads the entry @name, of which there is to be one, into @ret. */
static int section_read(const struct json_at *root,
			const struct section *section, const char *name,
			void *ret, struct error *err)
{
	struct json_at list, item;
	bool found = false;
	int r;

	if (!json_member(root, section->list, &list))
		return error_set(err, ERROR_CONFIG, 0, "there are no %s",
				 section->list);
	if (json_type(&list) != JSON_TYPE_ARRAY)
		return json_expected(&list, "an array", err);
	for (size_t i = 0; i < json_count(&list); i++) {
		const struct json_at entry = json_element(&list, i);
		const char *its = NULL;

		r = section_name(&entry, &its, err);
		if (r < 0)
			return r;
		if (strcmp(its, name) != 0)
			continue;
		if (found)
			return json_error(&entry, err, "a second \"%.64s\"",
					  name);
		found = true;
		if (!json_member(&entry, section->item, &item))
			return json_error(&entry, err, "has no %s",
					  section->item);
		r = json_read_object(&item, section->fields, ret,
				     JSON_UNKNOWN_IGNORE, err);
		if (r < 0)
			return r;
	}
	if (found)
		return 0;
	return error_set(err, ERROR_CONFIG, 0, "%s has no \"%.64s\"",
			 section->list, name);
}

int kubeconfig_read(const struct json_at *root, struct kubeconfig *file,
		    struct error *err)
{
	int r;

	r = json_read_object(root, file_fields, file, JSON_UNKNOWN_IGNORE, err);
	if (r < 0)
		return r;
	if (file->kind && strcmp(file->kind, "Config") != 0)
		return error_set(err, ERROR_CONFIG, 0,
				 "kind: \"%.64s\" is no kubeconfig",
				 file->kind);
	if (!*file->current)
		return error_set(err, ERROR_CONFIG, 0,
				 "current-context: names none");
	r = section_read(root, &section_contexts, file->current, &file->context,
			 err);
	if (r < 0)
		return r;
	r = section_read(root, &section_clusters, file->context.cluster,
			 &file->cluster, err);
	if (r < 0)
		return error_context(err, "context \"%.64s\"", file->current);
	if (!file->context.user || !*file->context.user)
		return 0; /* anonymous */
	r = section_read(root, &section_users, file->context.user, &file->user,
			 err);
	if (r < 0)
		return error_context(err, "context \"%.64s\"", file->current);
	return 0;
}
