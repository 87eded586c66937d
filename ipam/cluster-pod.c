#include "ipam/cluster-pod.h"

#include <stdio.h>
#include <string.h>

/* Of what the server takes as a name; the rest would be another path. */
#define NAME_SAFE "abcdefghijklmnopqrstuvwxyz0123456789-."

static bool is_name(const char *text)
{
	return *text && *text != '.' && !text[strspn(text, NAME_SAFE)];
}

static void copy_text(const struct json_at *at, const char *key, char *to,
		      size_t size)
{
	struct json_at member;

	*to = '\0';
	if (json_member(at, key, &member) && json_text(&member))
		snprintf(to, size, "%s", json_text(&member));
}

/* 404 with a reason: the server knows what it was asked for. */
static int get(struct cluster *cluster, const char *what, const char *path,
	       struct kube_answer *ret, struct error *err)
{
	const struct kube_request request = { .method = "GET", .path = path };
	int r = cluster_call(cluster, &request, ret, err);

	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(cluster, err);
	if (r < 0)
		return r;
	if (ret->status == 404 && *ret->reason)
		return CLUSTER_ABSENT;
	if (ret->status < 300)
		return 0;
	return error_set(err, ret->status == 403 ? ERROR_CONFIG : ERROR_AGAIN,
			 0, "get %s: %d: %s", what, ret->status, ret->message);
}

int cluster_pod_get(struct cluster *cluster, const char *pod_namespace,
		    const char *pod_name, struct cluster_pod *ret,
		    struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	struct json_at root, member;
	char path[400];
	int r;

	*ret = (struct cluster_pod){ 0 };
	if (!is_name(pod_namespace) || !is_name(pod_name))
		return CLUSTER_ABSENT;
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s",
		 pod_namespace, pod_name);
	r = get(cluster, "pods", path, &answer, err);
	if (r != 0)
		return r;
	root = json_root(answer.document);
	if (json_member(&root, "metadata", &member))
		copy_text(&member, "uid", ret->uid, sizeof(ret->uid));
	if (json_member(&root, "spec", &member))
		copy_text(&member, "nodeName", ret->node, sizeof(ret->node));
	return 0;
}

int cluster_podref_get(struct cluster *cluster, const char *podref,
		       char ret_namespace[static 64], const char **ret_name,
		       struct cluster_pod *ret, struct error *err)
{
	const char *slash = strchr(podref, '/');

	*ret_namespace = '\0';
	*ret_name = "";
	if (!slash || slash - podref > 63)
		return CLUSTER_ABSENT;
	snprintf(ret_namespace, 64, "%.*s", (int)(slash - podref), podref);
	*ret_name = slash + 1;
	return cluster_pod_get(cluster, ret_namespace, *ret_name, ret, err);
}

int cluster_node_get(struct cluster *cluster, const char *node,
		     char ret_boot_id[static 65], struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	struct json_at root, status, info;
	char path[300];
	int r;

	*ret_boot_id = '\0';
	if (!is_name(node))
		return CLUSTER_ABSENT;
	snprintf(path, sizeof(path), "/api/v1/nodes/%s", node);
	r = get(cluster, "nodes", path, &answer, err);
	if (r != 0)
		return r;
	root = json_root(answer.document);
	if (json_member(&root, "status", &status) &&
	    json_member(&status, "nodeInfo", &info))
		copy_text(&info, "bootID", ret_boot_id, 65);
	return 0;
}
