#ifndef LIB_KUBE_PRIV_H
#define LIB_KUBE_PRIV_H

/*
 * Shared by lib/kube*.c only.
 */

#include "lib/kube.h"

struct http_answer;

#define KUBE_TOKEN_MAX (64u << 10)
#define KUBE_PEM_MAX   (1u << 20)

/* What a kubeconfig's current context comes down to. */
struct kube_config {
	char *server; /* URL */
	char *server_name; /* in its certificate; NULL: the URL's */
	char *proxy; /* URL; NULL: the environment's */
	char *ca; /* PEM; NULL: the system's */
	bool insecure;
	char *token; /* NULL: none */
	char *cert; /* PEM; both or none */
	char *key;
	char *name_space; /* of the context; NULL: not said */
};

/** kube_config_clear() - Keys are overwritten; leaves an empty struct */
void kube_config_clear(struct kube_config *config);
#define cleanup_kube_config cleanup(kube_config_clear)

/** kube_config_equal() - Same server, same credentials */
bool kube_config_equal(const struct kube_config *a,
		       const struct kube_config *b);

/**
 * kube_config_parse() - A kubeconfig's text
 * @path:	Where it stands: files that it names are relative to its folder
 *
 * Return: 0, or negative as kube_open()
 */
int kube_config_parse(const char *text, size_t len, const char *path,
		      struct kube_config *ret, struct error *err);

/** kube_config_load() - A kubeconfig, read again while it is half written */
int kube_config_load(const char *path, struct kube_config *ret,
		     struct error *err);

/** kube_config_in_cluster() - A pod's service account */
int kube_config_in_cluster(struct kube_config *ret, struct error *err);

/** kube_secret_free() - Overwrite and free; NULL is fine */
void kube_secret_free(char *secret);

/**
 * kube_read_token() - A token from its file, trimmed
 *
 * Return: 0, or negative: ERROR_IO if it cannot be read, ERROR_CONFIG if what
 * is there cannot be a token
 */
int kube_read_token(const char *path, char **ret, struct error *err);

/** kube_read_pem() - Certificates or a key from a file */
int kube_read_pem(const char *path, char **ret, struct error *err);

/** kube_check_token() - Can it stand in a header? ERROR_CONFIG if not */
int kube_check_token(const char *token, struct error *err);

/** kube_check_pem() - Does it begin and end as PEM does? */
int kube_check_pem(const char *pem, struct error *err);

/**
 * kube_base64() - Decode base64, or base64url without padding
 * @ret:	NUL-terminated; yours
 *
 * Return: 0, or KUBE_BASE64_BAD, or negative without memory
 */
int kube_base64(const char *text, size_t len, char **ret, size_t *ret_len,
		struct error *err) warn_unused;

enum {
	KUBE_BASE64_BAD = 1
};

/** kube_token_node() - The node name in a JWT's payload; yours, or NULL */
char *kube_token_node(const char *token);

/**
 * kube_answer_read() - Document, reason and message of an answer that came
 *
 * Return: as kube_call(), but 429 and 503 are judged by the caller
 */
int kube_answer_read(const struct http_answer *answer, struct kube_answer *ret)
	warn_unused;

/** kube_answer_say() - A message, without what a terminal would obey */
void kube_answer_say(struct kube_answer *ret, const char *message);

#endif
