/*
 * Lists of Reservations, by label, page by page: with the objects, or as a table
 * of their names where only what is taken matters. Consistent ones, as all reads
 * are (store-kube-request.c).
 */

#include "ipam/store-kube-priv.h"

#include "lib/log.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LIST_LIMIT   500 /* objects of a page, a kilobyte each */
#define TABLE_LIMIT  8000 /* rows of a page, a hundred bytes each */
#define TABLE_ACCEPT "application/json;as=Table;g=meta.k8s.io;v=v1"

static void append_escaped(char *to, size_t size, const char *text)
{
	size_t len = strlen(to);

	for (const char *p = text; *p && len + 4 < size; p++) {
		unsigned char c = (unsigned char)*p;

		if (isalnum(c) || strchr("-_.", c))
			to[len++] = (char)c;
		else
			len += (size_t)sprintf(to + len, "%%%02X", c);
	}
	to[len] = '\0';
}

static void append_query(char *to, size_t size, const char *key,
			 const char *value)
{
	size_t len = strlen(to);

	snprintf(to + len, size - len, "&%s=", key);
	append_escaped(to, size, value);
}

/* A list in pages, each by the token that the one before gave. */
struct pages {
	struct cluster *cluster;
	const char *selector;
	const char *accept;
	const char *query; /* what all pages have */
	char token[4096];
	uint64_t version;
	int64_t date;
	int (*fn)(const struct json_at *root, void *arg, struct error *err);
	void *arg;
};

static int page_bad(const struct pages *pages, const char *what,
		    struct error *err)
{
	return error_set(err, ERROR_STORE, 0, "%.120s: list reservations: %s",
			 kube_server(pages->cluster->kube), what);
}

static int page_metadata(struct pages *pages, const struct json_at *root,
			 struct error *err)
{
	struct json_at metadata, token;
	const char *text = "";

	if (!json_member(root, "metadata", &metadata))
		return page_bad(pages, "the answer has no metadata", err);
	if (!pages->version)
		pages->version = reservation_version(&metadata);
	if (json_member(&metadata, "continue", &token) && json_text(&token))
		text = json_text(&token);
	if (strlen(text) >= sizeof(pages->token))
		return page_bad(pages, "its continuation is too long", err);
	memcpy(pages->token, text, strlen(text) + 1);
	return 0;
}

static int page_judge(struct pages *pages, const struct kube_answer *answer,
		      struct error *err)
{
	struct json_at root;
	int r;

	if (answer->status >= 300)
		return cluster_refused(pages->cluster, "list", answer, err);
	root = json_root(answer->document);
	pages->date = answer->date;
	r = page_metadata(pages, &root, err);
	return r < 0 ? r : pages->fn(&root, pages->arg, err);
}

static int page_next(struct pages *pages, struct error *err)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	char path[4 * sizeof(pages->token)]; /* a byte may take three */
	const struct kube_request request = {
		.method = "GET",
		.path = path,
		.accept = pages->accept,
	};
	int r;

	snprintf(path, sizeof(path), RESERVATION_PATH "%s", pages->query);
	append_query(path, sizeof(path), "labelSelector", pages->selector);
	if (*pages->token)
		append_query(path, sizeof(path), "continue", pages->token);
	r = cluster_call(pages->cluster, &request, &answer, err);
	if (r == CLUSTER_UNKNOWN)
		return cluster_unknown(pages->cluster, err);
	return r < 0 ? r : page_judge(pages, &answer, err);
}

static int pages_read(struct pages *pages, struct error *err)
{
	int r;

	do {
		r = page_next(pages, err);
	} while (r == 0 && *pages->token);
	return r;
}

void cluster_list_clear(struct cluster_list *list)
{
	free(list->items);
	*list = (struct cluster_list){ 0 };
}

static int list_add(const struct json_at *at, struct cluster_list *list,
		    struct error *err)
{
	struct error foreign = { 0 };
	struct reservation *grown;

	grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	list->items = grown;
	if (reservation_read(at, &list->items[list->count], &foreign) == 0)
		list->count++;
	else
		log_warning("%s", foreign.details);
	return 0;
}

static int list_page(const struct json_at *root, void *arg, struct error *err)
{
	struct json_at items;
	int r = 0;

	if (!json_member(root, "items", &items))
		return error_set(err, ERROR_STORE, 0,
				 "list reservations: the answer has no items");
	for (size_t i = 0; i < json_count(&items) && r == 0; i++) {
		const struct json_at item = json_element(&items, i);

		r = list_add(&item, arg, err);
	}
	return r;
}

int cluster_list(struct cluster *cluster, const char *selector,
		 struct cluster_list *ret, struct error *err)
{
	char query[32];
	struct pages pages = {
		.cluster = cluster,
		.selector = selector,
		.query = query,
		.fn = list_page,
		.arg = ret,
	};
	int r;

	snprintf(query, sizeof(query), "?limit=%d", LIST_LIMIT);
	cluster_list_clear(ret);
	r = pages_read(&pages, err);
	ret->version = pages.version;
	ret->date = pages.date;
	return r;
}

int cluster_list_node(struct cluster *cluster, struct cluster_list *ret,
		      struct error *err)
{
	char selector[160], node[RESERVATION_LABEL];

	snprintf(selector, sizeof(selector), "%s=%s", RESERVATION_LABEL_NODE,
		 reservation_node(cluster->config->node, node));
	return cluster_list(cluster, selector, ret, err);
}

/* --- lists without objects ------------------------------------------------------ */

struct taken {
	const char *pool;
	uint8_t family;
	struct range_set *set;
};

static bool is_table(const struct json_at *root)
{
	struct json_at columns, first, name;

	if (!json_member(root, "columnDefinitions", &columns) ||
	    json_count(&columns) == 0)
		return false;
	first = json_element(&columns, 0);
	return json_member(&first, "name", &name) && json_text(&name) &&
	       strcasecmp(json_text(&name), "name") == 0;
}

/* What is no name in this pool is another pool's, or none of ours. */
static int taken_row(const struct json_at *row, const struct taken *taken,
		     struct error *err)
{
	struct json_at cells, cell;
	struct inet_addr addr;
	inet_uint value;

	if (!json_member(row, "cells", &cells) || json_count(&cells) == 0)
		return 0;
	cell = json_element(&cells, 0);
	if (!json_text(&cell) ||
	    !reservation_parse_name(json_text(&cell), taken->pool, &addr) ||
	    addr.family != taken->family)
		return 0;
	value = inet_addr_to_uint(&addr);
	return range_set_add(taken->set, value, value, err);
}

static int taken_page(const struct json_at *root, void *arg, struct error *err)
{
	struct json_at rows;
	int r = 0;

	if (!is_table(root))
		return error_set(err, ERROR_STORE, 0,
				 "list reservations: the answer is no Table");
	/* Go writes no rows as null. */
	if (!json_member(root, "rows", &rows))
		return 0;
	for (size_t i = 0; i < json_count(&rows) && r == 0; i++) {
		const struct json_at row = json_element(&rows, i);

		r = taken_row(&row, arg, err);
	}
	return r;
}

int cluster_list_taken(struct cluster *cluster, const char *selector,
		       uint8_t family, struct range_set *ret, struct error *err)
{
	struct taken taken = { cluster->config->pool, family, ret };
	char query[64];
	struct pages pages = {
		.cluster = cluster,
		.selector = selector,
		.accept = TABLE_ACCEPT,
		.query = query,
		.fn = taken_page,
		.arg = &taken,
	};

	snprintf(query, sizeof(query), "?includeObject=None&limit=%d",
		 TABLE_LIMIT);
	return pages_read(&pages, err);
}
