#ifndef LIB_KUBE_CONFIG_PRIV_H
#define LIB_KUBE_CONFIG_PRIV_H

/*
 * A kubeconfig as it is written, for lib/kube-config*.c only: of its clusters,
 * users and contexts those that the current context names. Strings are NULL where
 * nothing is written.
 */

#include "lib/json.h"
#include "lib/kube-priv.h"

struct cluster {
	char *server;
	char *server_name;
	char *proxy;
	char *ca_file;
	char *ca_data;
	bool insecure;
};

struct user {
	char *token;
	char *token_file;
	char *cert_file;
	char *cert_data;
	char *key_file;
	char *key_data;
	char *username;
	char *password;
	char *as;
	bool has_as_more; /* groups, uid, extra */
	bool has_exec;
	bool has_provider;
};

struct context {
	char *cluster;
	char *user;
	char *name_space;
};

struct kubeconfig {
	const char *path;
	char *current;
	char *kind;
	struct cluster cluster;
	struct user user;
	struct context context;
};
void kubeconfig_clear(struct kubeconfig *file);
#define cleanup_kubeconfig cleanup(kubeconfig_clear)

/** kubeconfig_read() - Of the document; file->path is the caller's
 *
 * Return: 0, or negative; @file is to be cleared in any case
 */
int kubeconfig_read(const struct json_at *root, struct kubeconfig *file,
		    struct error *err);

#endif
