/*
 * Single requests for Whereabouts' objects, and what their answers say. As in
 * store-kube-request.c, each ends as done, decided otherwise, refused for a
 * reason that lasts, not done, or not known.
 *
 * A patch in which a test fails is answered with 422 and no causes; what the
 * schema does not take, with causes: the first is an outcome, the second an
 * error that lasts.
 */

#include "ipam/whereabouts-request-priv.h"

#include <stdio.h>
#include <string.h>

#define API_PATH  "/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/"
#define NAMESPACE "kube-system" /* where the kubeconfig names none */

/* --- paths ------------------------------------------------------------------------ */

static bool is_label(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len < 64 &&
	       !text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

/* The namespace of all objects, as Whereabouts has it. */
static int name_space(struct cluster *cluster, const char **ret,
		      struct error *err)
{
	struct kube *kube;
	int r;

	r = cluster_kube(cluster, &kube, err);
	if (r < 0)
		return r;
	*ret = kube_namespace(kube);
	if (!*ret)
		*ret = NAMESPACE;
	if (is_label(*ret))
		return 0;
	return error_set(err, ERROR_CONFIG, 0,
			 "kubeconfig %s: namespace \"%.64s\" is no name",
			 cluster->config->kubeconfig, *ret);
}

int whereabouts_path(struct cluster *cluster, const char *plural,
		     const char *name, char ret[static WHEREABOUTS_PATH],
		     struct error *err)
{
	const char *space;
	int r = name_space(cluster, &space, err);

	if (r == 0)
		snprintf(ret, WHEREABOUTS_PATH, API_PATH "%s/%s%s%s", space,
			 plural, *name ? "/" : "", name);
	return r;
}

int whereabouts_no_name(const struct whereabouts_claim *claim, const char *what,
			struct error *err)
{
	char text[INET_PREFIX_TEXT];

	return error_set(
		err, ERROR_CONFIG, 0,
		"ipam: range %s%s%s: Whereabouts' %s of it would have a name that no object can have",
		whereabouts_range(&claim->range, text),
		*claim->network ? ", network_name " : "", claim->network, what);
}

int whereabouts_check_names(const struct whereabouts_claim *claim,
			    struct error *err)
{
	char name[WHEREABOUTS_NAME];

	return whereabouts_pool_name(claim->network, &claim->range, name) == 0
		       ? 0
		       : whereabouts_no_name(claim, "pool", err);
}

/* --- answers ---------------------------------------------------------------------- */

static bool is_undefined(const struct kube_answer *answer)
{
	return answer->status == 404 && !*answer->reason;
}

static bool has_causes(const struct kube_answer *answer)
{
	struct json_at root, details, causes;

	if (!answer->document)
		return false;
	root = json_root(answer->document);
	return json_member(&root, "details", &details) &&
	       json_member(&details, "causes", &causes) &&
	       json_count(&causes) > 0;
}

static int refused(struct cluster *cluster, const char *verb,
		   const char *plural, const struct kube_answer *answer,
		   struct error *err)
{
	const char *server = kube_server(cluster->kube);
	const char *space = kube_namespace(cluster->kube);

	if (is_undefined(answer))
		return error_set(
			err, ERROR_CONFIG, 0,
			"%.120s does not know %s.whereabouts.cni.cncf.io: kubectl apply -f doc/crds/whereabouts.cni.cncf.io_%s.yaml of Whereabouts",
			server, plural, plural);
	if (answer->status == 403)
		return error_set(
			err, ERROR_CONFIG, 0,
			"%.120s: no right to %s %s.whereabouts.cni.cncf.io in namespace %s (conf/kubernetes/whereabouts.yaml gives it): %s",
			server, verb, plural, space ? space : NAMESPACE,
			answer->message);
	return error_set(err, answer->status == 401 ? ERROR_AGAIN : ERROR_STORE,
			 0, "%.120s: %s %s: %d: %s", server, verb, plural,
			 answer->status, answer->message);
}

static const struct verb {
	const char *name;
	const char *method;
	bool may_conflict;
	bool may_be_gone;
} verbs[] = {
	[WHEREABOUTS_GET] = { "get", "GET", false, true },
	[WHEREABOUTS_LIST] = { "list", "GET", false, false },
	[WHEREABOUTS_CREATE] = { "create", "POST", true, false },
	[WHEREABOUTS_PATCH] = { "patch", "PATCH", true, true },
	[WHEREABOUTS_DELETE] = { "delete", "DELETE", true, true },
};

/* It exists, it is another one, or a test of the patch failed; or the server
 * itself gave up repeating it. */
static bool is_conflict(enum whereabouts_verb verb,
			const struct kube_answer *answer)
{
	return answer->status == 409 ||
	       (verb == WHEREABOUTS_PATCH && answer->status == 422 &&
		!has_causes(answer));
}

int whereabouts_ask(struct cluster *cluster, enum whereabouts_verb verb,
		    const char *plural, struct kube_request *request,
		    struct kube_answer *ret, struct error *err)
{
	const struct verb *how = &verbs[verb];
	int r;

	request->method = how->method;
	r = cluster_call(cluster, request, ret, err);
	if (r != 0 || ret->status < 300)
		return r;
	if (how->may_conflict && is_conflict(verb, ret))
		return WHEREABOUTS_CONFLICT;
	if (how->may_be_gone && ret->status == 404 && !is_undefined(ret))
		return WHEREABOUTS_GONE;
	return refused(cluster, how->name, plural, ret, err);
}
