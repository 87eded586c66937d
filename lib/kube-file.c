/*
 * Where credentials come from: a kubeconfig, which whoever rotates tokens may be
 * writing at this moment, or the folder of a pod's service account.
 */
#include "lib/file.h"
#include "lib/kube-priv.h"
#include "lib/log.h"
#include "lib/yaml.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define HALF_WRITTEN_TRIES 5
#define HALF_WRITTEN_MS    50
#define HALF_WRITTEN_S     3 /* as young as that */

#define ACCOUNT_FOLDER     "/var/run/secrets/kubernetes.io/serviceaccount"

/*
 * Who may write the file decides to whom the node's credentials are sent, and
 * which files are sent as a token.
 */
static int check_mode(const char *path, const struct stat *st,
		      struct error *err)
{
	if (st->st_mode & S_IWOTH)
		return error_set(err, ERROR_CONFIG, 0,
				 "%s may be written by everybody (mode %04o)",
				 path, st->st_mode & 07777U);
	if (st->st_mode & S_IROTH)
		log_warning("%s may be read by everybody (mode %04o); chmod "
			    "600 is enough for us",
			    path, st->st_mode & 07777U);
	return 0;
}

static int load_once(const char *path, struct kube_config *ret, struct stat *st,
		     struct error *err)
{
	char *text = NULL;
	size_t len = 0;
	int r;

	r = file_read(path, YAML_MAX, &text, &len, err);
	if (r < 0)
		return r;
	if (r == FILE_ABSENT || stat(path, st) < 0)
		return error_set(err, ERROR_CONFIG, ENOENT, "kubeconfig %s",
				 path);
	r = kube_config_parse(text, len, path, ret, err);
	explicit_bzero(text, len);
	free(text);
	return r < 0 ? error_context(err, "kubeconfig %s", path) : 0;
}

/* Was it changed just now, by a clock that may have been set since? */
static bool is_young(const struct stat *st)
{
	time_t age = time(NULL) - st->st_mtime;

	return age >= -HALF_WRITTEN_S && age <= HALF_WRITTEN_S;
}

int kube_config_load(const char *path, struct kube_config *ret,
		     struct error *err)
{
	const struct timespec moment = { .tv_nsec = HALF_WRITTEN_MS * 1000000 };
	struct stat st = { 0 };
	int r;

	for (int tries = 1;; tries++) {
		r = load_once(path, ret, &st, err);
		if (r == 0)
			return check_mode(path, &st, err);
		if (tries == HALF_WRITTEN_TRIES || !is_young(&st))
			return r;
		nanosleep(&moment, NULL);
		*err = (struct error){ 0 };
	}
}

/* --- in a pod ----------------------------------------------------------------- */

int kube_config_in_cluster(struct kube_config *ret, struct error *err)
{
	cleanup_kube_config struct kube_config config = { 0 };
	const char *host = secure_getenv("KUBERNETES_SERVICE_HOST");
	const char *port = secure_getenv("KUBERNETES_SERVICE_PORT");
	int r;

	if (!host || !*host || !port || !*port)
		return error_set(err, ERROR_ENVIRONMENT, 0,
				 "KUBERNETES_SERVICE_HOST and _PORT are not "
				 "set: not in a pod");
	if (asprintf(&config.server,
		     strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s",
		     host, port) < 0)
		return error_oom(err);
	r = kube_read_token(ACCOUNT_FOLDER "/token", &config.token, err);
	if (r == 0)
		r = kube_read_pem(ACCOUNT_FOLDER "/ca.crt", &config.ca, err);
	if (r < 0)
		return error_context(err, "service account");
	*ret = config;
	config = (struct kube_config){ 0 };
	return 0;
}
