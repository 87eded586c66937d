/*
 * Requests for overlap records: one by its address, all of them in pages, and the
 * names of all, a hundred bytes each.
 */

#include "ipam/whereabouts-request-priv.h"

#include <stdio.h>
#include <string.h>

#define NAMES_ONLY "application/json;as=Table;g=meta.k8s.io;v=v1"
#define RECORDS    500 /* of a page */
#define CONTINUE   1024

/* --- one -------------------------------------------------------------------------- */

void whereabouts_record_clear(struct whereabouts_record *record)
{
	json_free(record->document);
	*record = (struct whereabouts_record){ 0 };
}

static int record_fill(struct whereabouts_record *record,
		       struct kube_answer *answer, struct error *err)
{
	struct json_at root;

	whereabouts_record_clear(record);
	record->document = take_ptr(answer->document);
	root = json_root(record->document);
	return whereabouts_overlap_read(&root, &record->overlap, err);
}

static int overlap_path(struct cluster *cluster,
			const struct whereabouts_claim *claim,
			const struct inet_addr *addr,
			char ret[static WHEREABOUTS_PATH], struct error *err)
{
	char name[WHEREABOUTS_NAME];

	if (whereabouts_overlap_name(claim->network, addr, name) != 0)
		return whereabouts_no_name(claim, "overlap record", err);
	return whereabouts_path(cluster, WHEREABOUTS_OVERLAPS, name, ret, err);
}

static int overlap_body(const struct whereabouts_claim *claim,
			const struct inet_addr *addr, char **ret,
			struct error *err)
{
	char name[WHEREABOUTS_NAME];

	if (whereabouts_overlap_name(claim->network, addr, name) != 0)
		return whereabouts_no_name(claim, "overlap record", err);
	return whereabouts_overlap_write(name, &claim->holder, ret, err);
}

int whereabouts_overlap_post(struct cluster *cluster,
			     const struct whereabouts_claim *claim,
			     const struct inet_addr *addr,
			     struct whereabouts_record *ret, struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[WHEREABOUTS_PATH];
	cleanup_free char *body = NULL;
	struct kube_request request = { .path = path };
	int r;

	r = overlap_body(claim, addr, &body, err);
	if (r == 0)
		r = whereabouts_path(cluster, WHEREABOUTS_OVERLAPS, "", path,
				     err);
	if (r < 0)
		return r;
	request.body = body;
	r = whereabouts_ask(cluster, WHEREABOUTS_CREATE, WHEREABOUTS_OVERLAPS,
			    &request, &answer, err);
	return r == 0 ? record_fill(ret, &answer, err) : r;
}

int whereabouts_overlap_get(struct cluster *cluster,
			    const struct whereabouts_claim *claim,
			    const struct inet_addr *addr,
			    struct whereabouts_record *ret, struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[WHEREABOUTS_PATH];
	struct kube_request request = { .path = path };
	int r;

	r = overlap_path(cluster, claim, addr, path, err);
	if (r == 0)
		r = whereabouts_ask(cluster, WHEREABOUTS_GET,
				    WHEREABOUTS_OVERLAPS, &request, &answer,
				    err);
	return r == 0 ? record_fill(ret, &answer, err) : r;
}

int whereabouts_overlap_delete(struct cluster *cluster,
			       const struct whereabouts_claim *claim,
			       const struct inet_addr *addr, const char *uid,
			       struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[WHEREABOUTS_PATH];
	cleanup_free char *body = NULL;
	struct kube_request request = { .path = path };
	int r;

	r = overlap_path(cluster, claim, addr, path, err);
	if (r == 0)
		r = cluster_delete_body(uid, &body, err);
	if (r < 0)
		return r;
	request.body = body;
	r = whereabouts_ask(cluster, WHEREABOUTS_DELETE, WHEREABOUTS_OVERLAPS,
			    &request, &answer, err);
	return r == WHEREABOUTS_CONFLICT || r == WHEREABOUTS_GONE ? 0 : r;
}

/* --- all -------------------------------------------------------------------------- */

/* A page behind @next, which is set to what comes behind that. */
static int overlap_page(struct cluster *cluster, char next[static CONTINUE],
			struct kube_answer *answer, struct error *err)
{
	char path[WHEREABOUTS_PATH + CONTINUE];
	struct kube_request request = { .path = path };
	struct json_at root, metadata, at;
	const char *token = "";
	size_t len;
	int r;

	r = whereabouts_path(cluster, WHEREABOUTS_OVERLAPS, "", path, err);
	if (r < 0)
		return r;
	len = strlen(path);
	snprintf(path + len, sizeof(path) - len, "?limit=%d%s%s", RECORDS,
		 *next ? "&continue=" : "", next);
	r = whereabouts_ask(cluster, WHEREABOUTS_LIST, WHEREABOUTS_OVERLAPS,
			    &request, answer, err);
	if (r != 0)
		return r;
	root = json_root(answer->document);
	if (json_member(&root, "metadata", &metadata) &&
	    json_member(&metadata, "continue", &at) && json_text(&at))
		token = json_text(&at);
	if (strlen(token) >= CONTINUE ||
	    token[strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
				"uvwxyz0123456789-_=")])
		return error_set(err, ERROR_STORE, 0,
				 "list " WHEREABOUTS_OVERLAPS
				 ": no continuation");
	snprintf(next, CONTINUE, "%s", token);
	return 0;
}

int whereabouts_overlap_each(struct cluster *cluster,
			     int (*each)(void *arg,
					 const struct whereabouts_overlap *have,
					 struct error *err),
			     void *arg, struct error *err)
{
	char next[CONTINUE] = "";

	do {
		cleanup_kube_answer struct kube_answer answer = { 0 };
		struct json_at root, items;
		int r = overlap_page(cluster, next, &answer, err);

		if (r != 0)
			return r;
		root = json_root(answer.document);
		if (!json_member(&root, "items", &items))
			return 0;
		for (size_t i = 0; i < json_count(&items); i++) {
			struct json_at item = json_element(&items, i);
			struct whereabouts_overlap have;
			struct error none = { 0 };

			if (whereabouts_overlap_read(&item, &have, &none) < 0)
				continue;
			r = each(arg, &have, err);
			if (r != 0)
				return r;
		}
	} while (*next);
	return 0;
}

/* --- their names ------------------------------------------------------------------ */

static int add_row(const struct json_at *row,
		   const struct whereabouts_claim *claim, uint8_t family,
		   struct range_set *ret, struct error *err)
{
	struct json_at cells, cell;
	struct inet_addr addr;
	inet_uint value;

	if (!json_member(row, "cells", &cells) || json_count(&cells) == 0)
		return 0;
	cell = json_element(&cells, 0);
	if (!json_text(&cell) ||
	    whereabouts_overlap_addr(claim->network, json_text(&cell), &addr) !=
		    0 ||
	    addr.family != family)
		return 0;
	value = inet_addr_to_uint(&addr);
	return range_set_add(ret, value, value, err);
}

int whereabouts_list_overlaps(struct cluster *cluster,
			      const struct whereabouts_claim *claim,
			      uint8_t family, struct range_set *ret,
			      struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[WHEREABOUTS_PATH];
	struct kube_request request = {
		.path = path,
		.accept = NAMES_ONLY,
		.answer_max = WHEREABOUTS_MAX,
	};
	struct json_at root, rows;
	int r;

	r = whereabouts_path(cluster, WHEREABOUTS_OVERLAPS, "", path, err);
	if (r < 0)
		return r;
	snprintf(path + strlen(path), sizeof(path) - strlen(path),
		 "?includeObject=None");
	r = whereabouts_ask(cluster, WHEREABOUTS_LIST, WHEREABOUTS_OVERLAPS,
			    &request, &answer, err);
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(cluster, err);
	if (r < 0)
		return r;
	root = json_root(answer.document);
	if (!json_member(&root, "rows", &rows))
		return 0;
	for (size_t i = 0; i < json_count(&rows) && r == 0; i++) {
		const struct json_at row = json_element(&rows, i);

		r = add_row(&row, claim, family, ret, err);
	}
	return r;
}
