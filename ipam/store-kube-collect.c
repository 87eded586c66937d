/*
 * What dead nodes left, for the whole cluster: no node frees what is another's,
 * so somebody else has to, once that node cannot come back for it.
 *
 * The witnesses, both, twice, a minute apart on our own clock:
 *
 *	the Pod is gone by its uid	another Pod of that name is another
 *	the Node is gone, or has booted since	a Node that is only not ready is
 *		no witness: cut off from us, its pods still write
 *
 * A node's own address outlives its boots: for it, the Node must be gone. What
 * has no Pod to ask for is kept, and so is what is younger than two minutes by
 * the server's own clock. All is deleted by uid, so that what changes hands
 * between the second look and the deletion is not hit.
 */

#include "ipam/ipam.h"
#include "ipam/store-kube-priv.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define COLLECT_YOUNG_S 120
#define COLLECT_SAFE    "abcdefghijklmnopqrstuvwxyz0123456789-."

enum life {
	LIFE_UNKNOWN,
	LIFE_ALIVE,
	LIFE_GONE,
};

/* One that was asked for; boot_id "" if it is gone. */
struct node {
	char name[254];
	char boot_id[65];
	enum life life;
};

struct collect {
	struct cluster cluster;
	struct ipam_config config;
	struct cluster_list list;
	struct node *nodes;
	size_t n_nodes;
};

static void collect_clear(struct collect *collect)
{
	cluster_list_clear(&collect->list);
	free(collect->nodes);
	kube_close(collect->cluster.kube);
	free(collect->config.kubeconfig);
}
#define cleanup_collect cleanup(collect_clear)

/* --- nodes ----------------------------------------------------------------------- */

static const char *text_at(const struct json *document, const char *const *path,
			   size_t n)
{
	struct json_at at[4];

	at[0] = json_root(document);
	for (size_t i = 0; i < n; i++)
		if (!json_member(&at[i], path[i], &at[i + 1]))
			return NULL;
	return json_text(&at[n]);
}

/* 404 with a reason: the server knows what it was asked for. */
static enum life life_of(const struct kube_answer *answer)
{
	if (answer->status == 404)
		return *answer->reason ? LIFE_GONE : LIFE_UNKNOWN;
	return answer->status < 300 ? LIFE_ALIVE : LIFE_UNKNOWN;
}

static int ask(struct collect *collect, const char *path,
	       struct kube_answer *ret, struct error *err)
{
	const struct kube_request request = { .method = "GET", .path = path };
	int r = cluster_call(&collect->cluster, &request, ret, err);

	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(&collect->cluster, err);
	if (r == 0 && (ret->status == 401 || ret->status == 403))
		return error_set(err, ERROR_CONFIG, 0, "no right to get %s: %s",
				 path, ret->message);
	return r;
}

static int node_ask(struct collect *collect, struct node *node,
		    struct error *err)
{
	static const char *const boot[] = { "status", "nodeInfo", "bootID" };
	cleanup_kube_answer struct kube_answer answer = { 0 };
	const char *text;
	char path[300];
	int r;

	if (!*node->name || node->name[strspn(node->name, COLLECT_SAFE)])
		return 0;
	snprintf(path, sizeof(path), "/api/v1/nodes/%s", node->name);
	r = ask(collect, path, &answer, err);
	if (r < 0)
		return r;
	node->life = life_of(&answer);
	if (node->life != LIFE_ALIVE)
		return 0;
	text = text_at(answer.document, boot, ARRAY_SIZE(boot));
	snprintf(node->boot_id, sizeof(node->boot_id), "%s", text ? text : "");
	return 0;
}

/* Each node is asked for once in a look. */
static int node_find(struct collect *collect, const char *name,
		     const struct node **ret, struct error *err)
{
	struct node *grown;

	for (size_t i = 0; i < collect->n_nodes; i++)
		if (strcmp(collect->nodes[i].name, name) == 0) {
			*ret = &collect->nodes[i];
			return 0;
		}
	grown = reallocarray(collect->nodes, collect->n_nodes + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	collect->nodes = grown;
	grown += collect->n_nodes++;
	*grown = (struct node){ 0 };
	snprintf(grown->name, sizeof(grown->name), "%s", name);
	*ret = grown;
	return node_ask(collect, grown, err);
}

/* --- pods ------------------------------------------------------------------------- */

static int pod_ask(struct collect *collect, const struct reservation *of,
		   enum life *ret, struct error *err)
{
	static const char *const uid[] = { "metadata", "uid" };
	cleanup_kube_answer struct kube_answer answer = { 0 };
	const char *text;
	char path[400];
	int r;

	*ret = LIFE_UNKNOWN;
	if (!*of->pod_uid || !*of->pod_name || !*of->pod_namespace ||
	    of->pod_name[strspn(of->pod_name, COLLECT_SAFE)] ||
	    of->pod_namespace[strspn(of->pod_namespace, COLLECT_SAFE)])
		return 0;
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s",
		 of->pod_namespace, of->pod_name);
	r = ask(collect, path, &answer, err);
	if (r < 0)
		return r;
	*ret = life_of(&answer);
	if (*ret != LIFE_ALIVE)
		return 0;
	text = text_at(answer.document, uid, ARRAY_SIZE(uid));
	if (text && strcmp(text, of->pod_uid) != 0)
		*ret = LIFE_GONE;
	return 0;
}

/* --- one look --------------------------------------------------------------------- */

/* Return: 1 if all witnesses say so, 0, or negative */
static int is_dead(struct collect *collect, const struct reservation *found,
		   struct error *err)
{
	const struct node *node;
	enum life pod;
	int r;

	if (found->is_going || !found->created ||
	    collect->list.date - found->created < COLLECT_YOUNG_S)
		return 0;
	r = node_find(collect, found->node, &node, err);
	if (r < 0)
		return r;
	if (found->is_host)
		return node->life == LIFE_GONE;
	if (node->life != LIFE_GONE &&
	    (node->life != LIFE_ALIVE || !*node->boot_id ||
	     strcmp(node->boot_id, found->boot_id) == 0))
		return 0;
	r = pod_ask(collect, found, &pod, err);
	return r < 0 ? r : pod == LIFE_GONE;
}

/* The list is cut down to the dead. */
static int look(struct collect *collect, struct error *err)
{
	size_t kept = 0;
	int r;

	free(take_ptr(collect->nodes));
	collect->n_nodes = 0;
	r = cluster_list(&collect->cluster, RESERVATION_LABEL_NODE,
			 &collect->list, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < collect->list.count; i++) {
		r = is_dead(collect, &collect->list.items[i], err);
		if (r < 0)
			return r;
		if (r > 0)
			collect->list.items[kept++] = collect->list.items[i];
	}
	collect->list.count = kept;
	return 0;
}

/* --- twice ------------------------------------------------------------------------ */

static void pause_until(uint64_t end_ms)
{
	uint64_t now;

	while ((now = file_boottime_ms()) < end_ms) {
		const struct timespec rest = {
			.tv_sec = (time_t)((end_ms - now) / 1000),
			.tv_nsec = (long)((end_ms - now) % 1000) * 1000000,
		};

		nanosleep(&rest, NULL);
	}
}

static bool was_seen(const struct cluster_list *before,
		     const struct reservation *found)
{
	for (size_t i = 0; i < before->count; i++)
		if (strcmp(before->items[i].uid, found->uid) == 0)
			return true;
	return false;
}

static int collect_one(struct collect *collect, const struct reservation *found,
		       bool dry_run, store_tell tell, void *arg,
		       struct error *err)
{
	struct store_finding finding = {
		.kind = STORE_NOBODYS,
		.addr = found->address,
		.is_repaired = !dry_run,
	};
	int r = 0;

	if (!dry_run)
		r = cluster_delete(&collect->cluster, found->name, found->uid,
				   err);
	if (r == CLUSTER_UNKNOWN)
		r = cluster_unknown(&collect->cluster, err);
	if (r < 0)
		return r;
	if (found->is_host)
		snprintf(finding.text, sizeof(finding.text),
			 "was of node %s, which is gone", found->node);
	else
		snprintf(finding.text, sizeof(finding.text),
			 "was of pod %s/%s, %s, on node %s: both are gone",
			 found->pod_namespace, found->pod_name, found->ifname,
			 found->node);
	tell(arg, &finding);
	return 0;
}

static int collect_twice(struct collect *collect, unsigned int pause_ms,
			 bool dry_run, store_tell tell, void *arg,
			 struct error *err)
{
	cleanup_cluster_list struct cluster_list before = { 0 };
	uint64_t end;
	int r = look(collect, err);

	if (r < 0 || collect->list.count == 0)
		return r;
	end = file_boottime_ms() + pause_ms;
	before = collect->list;
	collect->list = (struct cluster_list){ 0 };
	pause_until(end);
	r = look(collect, err);
	for (size_t i = 0; i < collect->list.count && r == 0; i++)
		if (was_seen(&before, &collect->list.items[i]))
			r = collect_one(collect, &collect->list.items[i],
					dry_run, tell, arg, err);
	return r;
}

int ipam_collect(const char *kubeconfig, unsigned int pause_ms, bool dry_run,
		 store_tell tell, void *arg, struct error *err)
{
	cleanup_collect struct collect collect = { 0 };
	int r;

	collect.cluster.config = &collect.config;
	r = kubeconfig ? kube_open(kubeconfig, &collect.cluster.kube, err)
		       : kube_open_in_cluster(&collect.cluster.kube, err);
	if (r < 0)
		return r;
	return collect_twice(&collect, pause_ms, dry_run, tell, arg, err);
}
