/*
 * What this node's former boots left on the server. A pod's reservation of
 * another boot is dead by construction: its namespace ended with that boot. A
 * node's own addresses outlive boots.
 *
 * But "this node" is a name, and two machines may have one (a cloned disk, a
 * typo in NODENAME): each would sweep what is alive on the other. So before
 * anything is deleted for its boot id alone, the node proves its name, once in
 * a boot: by the Node object, whose boot id the kubelet of the named machine has
 * reported; where that may not be read, by the token, which the server gave to
 * that node only. A machine that is not the one it says gets no address. What
 * cannot be proved is not swept.
 */

#include "ipam/store-kube-priv.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define PROVE_AGAIN_MS 60000

int cluster_check_claim(struct cluster *cluster, struct error *err)
{
	const char *node = cluster->config->node;
	struct kube *kube;
	const char *name;
	int r;

	r = cluster_kube(cluster, &kube, err);
	if (r < 0)
		return r;
	name = kube_node_claim(kube);
	if (!name || strcmp(name, node) == 0)
		return 0;
	return error_set(
		err, ERROR_CONFIG, 0,
		"this node is \"%s\" by its name, and \"%s\" by the token in %s: set NODENAME, or give it its own kubeconfig",
		node, name, cluster->config->kubeconfig);
}

/* --- the Node object -------------------------------------------------------------- */

static const char *node_boot_id(const struct kube_answer *answer)
{
	static const char *const path[] = { "status", "nodeInfo", "bootID" };
	struct json_at at[ARRAY_SIZE(path) + 1];

	at[0] = json_root(answer->document);
	for (size_t i = 0; i < ARRAY_SIZE(path); i++)
		if (!json_member(&at[i], path[i], &at[i + 1]))
			return NULL;
	return json_text(&at[ARRAY_SIZE(path)]);
}

static int node_judge(struct cluster *cluster, const struct kube_answer *answer,
		      struct error *err)
{
	const char *node = cluster->config->node;
	const char *theirs = answer->status < 300 ? node_boot_id(answer) : NULL;

	if (!theirs || !*theirs) {
		log_debug("node %s: no boot id (%d %s)", node, answer->status,
			  answer->message);
		return CLUSTER_UNPROVED;
	}
	if (strcmp(theirs, cluster->boot_id) == 0)
		return 0;
	return error_set(
		err, ERROR_CONFIG, 0,
		"Node \"%s\" has booted as %.40s, and this machine as %s: are there two with that name? (set NODENAME; after a reboot the kubelet tells the new one)",
		node, theirs, cluster->boot_id);
}

static bool is_path_safe(const char *name)
{
	return *name &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.")];
}

static int prove_by_node(struct cluster *cluster, struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	const char *node = cluster->config->node;
	char path[300];
	const struct kube_request request = { .method = "GET", .path = path };
	struct error away = { 0 };
	int r;

	if (!is_path_safe(node))
		return CLUSTER_UNPROVED;
	snprintf(path, sizeof(path), "/api/v1/nodes/%s", node);
	r = cluster_call(cluster, &request, &answer, &away);
	if (r != 0) {
		log_debug("node %s: %s", node, cluster->why);
		return CLUSTER_UNPROVED;
	}
	return node_judge(cluster, &answer, err);
}

/* --- once in a boot --------------------------------------------------------------------- */

static int has_fact(struct cluster *cluster, const char *name,
		    struct error *err)
{
	uint64_t value;
	int r;

	r = cluster_begin(cluster, false, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = ledger_fact(cluster->ledger, name, &value, err);
	table_abort(ledger_table(cluster->ledger));
	return r < 0 ? r : r == 0;
}

static int set_fact(struct cluster *cluster, const char *name,
		    struct error *err)
{
	int r = cluster_begin(cluster, true, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = ledger_fact_set(cluster->ledger, name, 1, err);
	return cluster_end(cluster, r, err);
}

/* The Node object knows more than the token, which a cloned disk has too. Where
 * it may not be read, the token is what there is. */
static int prove(struct cluster *cluster, struct error *err)
{
	int r = prove_by_node(cluster, err);

	if (r == CLUSTER_UNPROVED && kube_node_claim(cluster->kube))
		r = 0;
	return r == 0 ? set_fact(cluster, CLUSTER_FACT_PROVED, err) : r;
}

int cluster_prove(struct cluster *cluster, struct error *err)
{
	int r;

	r = cluster_check_claim(cluster, err);
	if (r < 0)
		return r;
	r = has_fact(cluster, CLUSTER_FACT_PROVED, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return prove(cluster, err);
}

int cluster_introduce(struct cluster *cluster, struct error *err)
{
	int r;

	r = cluster_check_claim(cluster, err);
	if (r < 0)
		return r;
	r = has_fact(cluster, CLUSTER_FACT_PROVED, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (table_exists(ledger_table(cluster->ledger))) {
		r = cluster_due(&cluster->base, "prove", PROVE_AGAIN_MS, err);
		if (r != STORE_DUE)
			return r < 0 ? r : 0;
	}
	r = prove(cluster, err);
	return r < 0 ? r : 0;
}

/* Of the node and of that server. */
static void fact_swept(const struct cluster *cluster, char *ret, size_t size)
{
	snprintf(ret, size, "swept %.200s", kube_server(cluster->kube));
}

static bool is_left_over(const struct cluster *cluster,
			 const struct reservation *found)
{
	return !found->is_host &&
	       strcmp(found->node, cluster->config->node) == 0 &&
	       strcmp(found->boot_id, cluster->boot_id) != 0;
}

/* Return: how many, or negative */
static int sweep_objects(struct cluster *cluster,
			 const struct cluster_list *list, struct error *err)
{
	int swept = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct reservation *found = &list->items[i];
		int r;

		if (!is_left_over(cluster, found))
			continue;
		/* The list first, the table second: what was adopted is not
		 * left over. */
		r = cluster_is_known(cluster, found, err);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		r = cluster_delete(cluster, found->name, found->uid, err);
		if (r == CLUSTER_UNKNOWN)
			return cluster_unknown(cluster, err);
		if (r < 0)
			return r;
		swept++;
	}
	return swept;
}

static int sweep(struct cluster *cluster, struct error *err)
{
	cleanup_cluster_list struct cluster_list list = { 0 };
	int r;

	r = cluster_list_node(cluster, &list, err);
	if (r < 0)
		return r;
	r = sweep_objects(cluster, &list, err);
	if (r > 0)
		log_warning("released %d reservations that a former boot of "
			    "this node left",
			    r);
	return r;
}

/* Whoever is not the node it says fails for it; that nothing can be swept now
 * does not make it worse than it is. */
int cluster_sweep(struct cluster *cluster, struct error *err)
{
	struct error failed = { 0 };
	struct kube *kube;
	char fact[240];
	int r, swept;

	r = cluster_kube(cluster, &kube, err);
	if (r < 0)
		return r;
	fact_swept(cluster, fact, sizeof(fact));
	r = has_fact(cluster, fact, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = cluster_prove(cluster, err);
	if (r != 0)
		return r < 0 ? r : 0;
	swept = sweep(cluster, &failed);
	if (swept < 0) {
		log_warning("sweep what a former boot left: %s",
			    failed.details);
		return 0;
	}
	r = set_fact(cluster, fact, err);
	return r < 0 ? r : swept > 0;
}
