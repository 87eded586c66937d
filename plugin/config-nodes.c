/*
 * The node table: one document for the whole cluster, in the configuration or
 * in a file beside it. Two rows with one address would be found out by the
 * second node's users, so they are found out here.
 */
#include "plugin/config-priv.h"

#include "lib/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NODES_FILE_MAX ((size_t)4 << 20)
#define NODE_NAME_MAX  253 /* a Kubernetes object name */

static int config_read_vtep(const struct json_at *at, void *member,
			    struct error *err)
{
	struct inet_addr *vtep = member;
	const char *text = json_text(at);

	if (!text)
		return json_expected(at, "an address", err);
	if (!inet_addr_parse(text, vtep))
		return json_error(at, err, "\"%s\" is no address", text);
	if (!inet_addr_is_unicast(vtep))
		return json_error(at, err,
				  "\"%s\" is no address that a host may have",
				  text);
	return 0;
}

static int config_read_row_address(const struct json_at *at, void *member,
				   struct error *err)
{
	struct config_node *row = member;

	return config_read_host_addresses(at, row->addresses, &row->n_addresses,
					  err);
}

static bool config_is_node_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > NODE_NAME_MAX)
		return false;
	for (const char *p = name; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c <= ' ' || c == 0x7f || c == '/')
			return false;
	}
	return true;
}

static int config_read_row(const struct json_at *at, struct config_node *row,
			   struct error *err)
{
	static const struct json_field fields[] = {
		JSON_WITH("vtep", config_read_vtep, struct config_node, vtep,
			  0),
		JSON_WHOLE("address", config_read_row_address, 0), JSON_END
	};

	if (!config_is_node_name(at->key))
		return json_error(at, err, "\"%s\" is no node name", at->key);
	row->name = strdup(at->key);
	if (!row->name)
		return error_oom(err);
	return json_read_object(at, fields, row, JSON_UNKNOWN_REFUSE, err);
}

/* For finding what two rows share: sorted, equal ones are neighbours. */
struct config_claim {
	const struct config_node *row;
	struct inet_addr addr;
};

static int config_compare_claims(const void *a, const void *b)
{
	const struct config_claim *left = a;
	const struct config_claim *right = b;

	return inet_addr_compare(&left->addr, &right->addr);
}

static int config_check_claims(struct config_claim *claims, size_t count,
			       const char *key, struct error *err)
{
	char text[INET_ADDR_TEXT];

	qsort(claims, count, sizeof(*claims), config_compare_claims);
	for (size_t i = 1; i < count; i++) {
		if (!inet_addr_equal(&claims[i - 1].addr, &claims[i].addr))
			continue;
		return error_set(err, ERROR_CONFIG, 0,
				 "nodes: %s and %s have the same %s %s",
				 claims[i - 1].row->name, claims[i].row->name,
				 key, inet_addr_format(&claims[i].addr, text));
	}
	return 0;
}

static int config_check_vteps(const struct config *config,
			      struct config_claim *claims, struct error *err)
{
	const struct config_claim *other;
	size_t count = 0;

	for (size_t i = 0; i < config->n_nodes; i++) {
		const struct config_node *row = &config->nodes[i];

		if (!row->vtep.family)
			continue;
		claims[count++] = (struct config_claim){ row, row->vtep };
		other = &claims[0];
		if (other->addr.family != row->vtep.family)
			return error_set(err, ERROR_CONFIG, 0,
					 "nodes: the VTEPs of %s and %s are of "
					 "two families",
					 other->row->name, row->name);
	}
	return config_check_claims(claims, count, "VTEP", err);
}

static int config_check_addresses(const struct config *config,
				  struct config_claim *claims,
				  struct error *err)
{
	size_t count = 0;

	for (size_t i = 0; i < config->n_nodes; i++) {
		const struct config_node *row = &config->nodes[i];

		for (size_t a = 0; a < row->n_addresses; a++)
			claims[count++] = (struct config_claim){
				row, row->addresses[a].addr
			};
	}
	return config_check_claims(claims, count, "address", err);
}

static int config_compare_rows(const void *a, const void *b)
{
	const struct config_claim *left = a;
	const struct config_claim *right = b;

	return strcmp(left->row->name, right->row->name);
}

/* Go would keep the last of two; which of them the author meant is unknown. */
static int config_check_names(const struct config *config,
			      struct config_claim *claims, struct error *err)
{
	for (size_t i = 0; i < config->n_nodes; i++)
		claims[i].row = &config->nodes[i];
	qsort(claims, config->n_nodes, sizeof(*claims), config_compare_rows);
	for (size_t i = 1; i < config->n_nodes; i++) {
		if (config_compare_rows(&claims[i - 1], &claims[i]) == 0)
			return error_set(err, ERROR_CONFIG, 0,
					 "nodes: %s has two rows",
					 claims[i].row->name);
	}
	return 0;
}

static int config_check_rows(const struct config *config, struct error *err)
{
	cleanup_free struct config_claim *claims = NULL;
	int r;

	claims = calloc(config->n_nodes * 2 + 1, sizeof(*claims));
	if (!claims)
		return error_oom(err);
	r = config_check_names(config, claims, err);
	if (r < 0)
		return r;
	r = config_check_vteps(config, claims, err);
	if (r < 0)
		return r;
	return config_check_addresses(config, claims, err);
}

static int config_read_rows(const struct json_at *at, struct config *config,
			    struct error *err)
{
	size_t count = json_count(at);
	int r;

	if (json_type(at) != JSON_TYPE_OBJECT)
		return json_expected(at, "an object", err);
	config->nodes = calloc(count + 1, sizeof(*config->nodes));
	if (!config->nodes)
		return error_oom(err);
	for (size_t i = 0; i < count; i++) {
		const struct json_at row = json_member_at(at, i);

		r = config_read_row(&row, &config->nodes[config->n_nodes++],
				    err);
		if (r < 0)
			return r;
	}
	return config_check_rows(config, err);
}

/* O_NONBLOCK: a FIFO must not hang us. Only the place of a mistake is told,
 * never a line of the file, which may be somebody else's. */
static int config_open_nodes(const char *path, int *ret_fd, struct error *err)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (*path != '/')
		return error_set(err, ERROR_CONFIG, 0,
				 "\"%s\" is no absolute path", path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERROR_CONFIG, errno, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_CONFIG, 0, "%s is no file", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

static int config_read_nodes_file(const char *path, struct config *config,
				  struct error *err)
{
	cleanup_json struct json *json = NULL;
	cleanup_free char *text = NULL;
	cleanup_close int fd = -1;
	struct json_at root;
	size_t len;
	int r;

	r = config_open_nodes(path, &fd, err);
	if (r < 0)
		return r;
	r = file_read_fd(fd, NODES_FILE_MAX, &text, &len, err);
	if (r == 0)
		r = json_parse(text, len, &json, err);
	if (r == 0) {
		root = json_root(json);
		r = config_read_rows(&root, config, err);
	}
	if (r < 0) {
		error_class(err, ERROR_CONFIG);
		return error_context(err, "%s", path);
	}
	return 0;
}

int config_read_nodes(const struct json_at *at, void *member, struct error *err)
{
	const char *path = json_text(at);
	int r;

	if (!path)
		return config_read_rows(at, member, err);
	r = config_read_nodes_file(path, member, err);
	return r < 0 ? error_context(err, "nodes") : 0;
}

void config_nodes_clear(struct config *config)
{
	for (size_t i = 0; i < config->n_nodes; i++)
		free(config->nodes[i].name);
	free(config->nodes);
	config->nodes = NULL;
	config->n_nodes = 0;
}
