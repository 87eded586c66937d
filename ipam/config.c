#include "ipam/config.h"

#include "ipam/config-priv.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define POOL_NAME_MAX 63
#define PATH_LEN_MAX  1024

void ipam_config_clear(struct ipam_config *config)
{
	free(config->type);
	free(config->pool);
	ipam_range_sets_clear(config->sets, config->n_sets);
	free(config->statics);
	free(config->routes);
	ipam_dns_clear(&config->dns);
	free(config->host_ranges);
	range_set_clear(&config->reserved[0]);
	range_set_clear(&config->reserved[1]);
	free(config->kubeconfig);
	free(config->state_dir);
	free(config->data_dir);
	free(config->node);
	*config = (struct ipam_config){ 0 };
}

bool ipam_config_is_builtin(const struct ipam_config *config)
{
	if (!config->present)
		return false;
	if (strcmp(config->type, "hostshim") == 0)
		return true;
	return strcmp(config->type, "whereabouts") == 0 && !config->has_slices;
}

/* One of @names, by index. */
static int read_choice(const struct json_at *at, const char *const *names,
		       size_t n, unsigned int *ret, struct error *err)
{
	const char *text = json_text(at);
	char list[128] = "";
	size_t used = 0;

	if (!text)
		return json_expected(at, "a string", err);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = (unsigned int)i;
			return 0;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used,
					 "%s\"%s\"", i ? ", " : "", names[i]);
	}
	json_error(at, err, "\"%s\" is none of %s", text, list);
	return error_class(err, ERROR_UNSUPPORTED);
}

static int read_store(const struct json_at *at, void *member, struct error *err)
{
	static const char *const names[] = {
		[IPAM_STORE_LOCAL] = "local",
		[IPAM_STORE_KUBERNETES] = "kubernetes",
		[IPAM_STORE_WHEREABOUTS] = "whereabouts",
		[IPAM_STORE_BOTH] = "both",
	};
	enum ipam_store *store = member;
	unsigned int choice;
	int r;

	r = read_choice(at, names, ARRAY_SIZE(names), &choice, err);
	if (r < 0)
		return r;
	*store = (enum ipam_store)choice;
	return 0;
}

static int read_order(const struct json_at *at, enum ipam_order *ret,
		      struct error *err)
{
	static const char *const names[] = {
		[IPAM_ORDER_LOWEST] = "lowest",
		[IPAM_ORDER_HASH] = "hash",
	};
	unsigned int choice;
	int r;

	r = read_choice(at, names, ARRAY_SIZE(names), &choice, err);
	if (r < 0)
		return r;
	*ret = (enum ipam_order)choice;
	return 0;
}

static bool pool_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0)
		return true;
	if (len > POOL_NAME_MAX || name[0] == '-' || name[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!islower((unsigned char)name[i]) &&
		    !isdigit((unsigned char)name[i]) && name[i] != '-')
			return false;
	return true;
}

static int read_pool(const struct json_at *at, void *member, struct error *err)
{
	const char *text = json_text(at);

	if (!text)
		return json_expected(at, "a string", err);
	if (!pool_is_valid(text))
		return json_error(at, err,
				  "\"%s\" is no name: up to %d lower-case "
				  "letters, digits and inner dashes",
				  text, POOL_NAME_MAX);
	return json_read_string(at, member, err);
}

/* A ".." would lead elsewhere than what an administrator reads. */
static bool path_is_plain(const char *path)
{
	if (path[0] != '/' || strlen(path) > PATH_LEN_MAX)
		return false;
	for (const char *p = path; *p; p += strcspn(p, "/")) {
		p += strspn(p, "/");
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || !p[2]))
			return false;
	}
	return true;
}

int ipam_read_path(const struct json_at *at, void *member, struct error *err)
{
	const char *text = json_text(at);

	if (!text)
		return json_expected(at, "a path", err);
	if (!*text)
		return 0;
	if (!path_is_plain(text))
		return json_error(at, err,
				  "\"%s\" is not an absolute path without "
				  "\"..\"",
				  text);
	return json_read_string(at, member, err);
}

struct kubernetes {
	char *kubeconfig;
	struct json_at ignored;
};

static const struct json_field kubernetes_fields[] = {
	JSON_WITH("kubeconfig", ipam_read_path, struct kubernetes, kubeconfig,
		  0),
	JSON_WITH("k8s_api_root", ipam_read_at, struct kubernetes, ignored, 0),
	JSON_END
};

static int read_kubernetes(const struct json_at *at, void *member,
			   struct error *err)
{
	struct kubernetes kubernetes = { 0 };
	char **kubeconfig = member;
	int r;

	r = json_read_object(at, kubernetes_fields, &kubernetes,
			     JSON_UNKNOWN_WARN, err);
	if (r < 0 || !kubernetes.kubeconfig) {
		free(kubernetes.kubeconfig);
		return r;
	}
	free(*kubeconfig);
	*kubeconfig = kubernetes.kubeconfig;
	return 0;
}

static int read_host_index(const struct json_at *at, void *member,
			   struct error *err)
{
	struct ipam_config *config = member;

	config->has_host_index = true;
	return json_read_u32(at, &config->host_index, err);
}

static int read_resolv_conf(const struct json_at *at, void *member,
			    struct error *err)
{
	cleanup_free char *path = NULL;
	struct ipam_config *config = member;
	int r;

	r = ipam_read_path(at, &path, err);
	if (r < 0)
		return r;
	if (!path || !ipam_dns_is_empty(&config->dns))
		return 0;
	r = ipam_dns_load(path, &config->dns, err);
	if (r < 0)
		return error_context(err, "ipam.resolvConf");
	return 0;
}

static int read_nothing(const struct json_at *at, void *member,
			struct error *err)
{
	(void)at;
	(void)member;
	(void)err;
	return 0;
}

#define SECTION_WITH(key, reader, member)                                      \
	JSON_WITH(key, reader, struct ipam_section, member, 0)
#define SECTION_IGNORED(key) SECTION_WITH(key, read_nothing, config)

/* In the order in which they are read: what a release needs first, "pool"
 * after its elder name, "dns" before "resolvConf". */
static const struct json_field section_fields[] = {
	SECTION_WITH("type", json_read_string, config.type),
	SECTION_WITH("store", read_store, config.store),
	SECTION_WITH("stateDir", ipam_read_path, config.state_dir),
	SECTION_WITH("dataDir", ipam_read_path, config.data_dir),
	SECTION_WITH("kubernetes", read_kubernetes, config.kubeconfig),
	SECTION_WITH("network_name", read_pool, config.pool),
	SECTION_WITH("pool", read_pool, config.pool),
	SECTION_WITH("range", ipam_read_at, window.range),
	SECTION_WITH("range_start", ipam_read_at, window.start),
	SECTION_WITH("range_end", ipam_read_at, window.end),
	SECTION_WITH("exclude", ipam_read_at, window.exclude),
	SECTION_WITH("ipRanges", ipam_read_at, ip_ranges),
	SECTION_WITH("gateway", ipam_read_at, subnet.gateway),
	SECTION_WITH("routes", ipam_read_routes, config),
	SECTION_WITH("dns", ipam_dns_read, config.dns),
	SECTION_WITH("resolvConf", read_resolv_conf, config),
	SECTION_WITH("addresses", ipam_read_statics, config),
	SECTION_WITH("subnet", ipam_read_at, subnet.subnet),
	SECTION_WITH("rangeStart", ipam_read_at, subnet.start),
	SECTION_WITH("rangeEnd", ipam_read_at, subnet.end),
	SECTION_WITH("ranges", ipam_read_at, ranges),
	SECTION_WITH("hostRange", ipam_read_at, host_range),
	SECTION_WITH("hostIndex", read_host_index, config),
	SECTION_WITH("order", ipam_read_at, order),
	SECTION_WITH("node_slice_size", ipam_read_at, slice),
	JSON_U32("reuseDelay", struct ipam_section, config.reuse_delay, 0),
	JSON_BOOL("conflictProbe", struct ipam_section, config.conflict_probe,
		  0),
	JSON_BOOL("shared", struct ipam_section, config.shared, 0),
	/* Read by read_overlap(). */
	SECTION_IGNORED("enable_overlapping_ranges"),
	/* Whereabouts' own business, which has no counterpart here. */
	SECTION_IGNORED("leader_lease_duration"),
	SECTION_IGNORED("leader_renew_deadline"),
	SECTION_IGNORED("leader_retry_period"),
	SECTION_IGNORED("sleep_for_race"), SECTION_IGNORED("log_file"),
	SECTION_IGNORED("log_level"),
	SECTION_IGNORED("reconciler_cron_expression"),
	SECTION_IGNORED("configuration_path"), SECTION_IGNORED("datastore"),
	SECTION_IGNORED("etcd_host"), SECTION_IGNORED("etcd_username"),
	SECTION_IGNORED("etcd_password"), SECTION_IGNORED("etcd_key_file"),
	SECTION_IGNORED("etcd_cert_file"), SECTION_IGNORED("etcd_ca_cert_file"),
	JSON_END
};

/* Only sets what is not known yet, so that it can be called after a failure. */
static int set_defaults(struct ipam_config *config, struct error *err)
{
	const struct {
		char **member;
		const char *text;
	} strings[] = {
		{ &config->pool, "" },
		{ &config->state_dir, IPAM_STATE_DIR },
		{ &config->data_dir, IPAM_DATA_DIR },
		{ &config->kubeconfig, IPAM_KUBECONFIG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		if (*strings[i].member)
			continue;
		*strings[i].member = strdup(strings[i].text);
		if (!*strings[i].member)
			return error_oom(err);
	}
	return 0;
}

static int read_section(const struct json_at *at, struct ipam_section *section,
			struct error *err)
{
	struct ipam_config *config = &section->config;
	int r;

	r = json_read_object(at, section_fields, section,
			     section->lenient ? JSON_UNKNOWN_IGNORE
					      : JSON_UNKNOWN_WARN,
			     err);
	if (r < 0)
		return r;
	/* A node would be given addresses of another one's slice. */
	config->has_slices = ipam_is_given(&section->slice) &&
			     config->store == IPAM_STORE_WHEREABOUTS;
	if (ipam_is_given(&section->slice) && ipam_config_is_builtin(config)) {
		json_error(&section->slice, err,
			   "slices of nodes are not served here");
		return error_class(err, ERROR_UNSUPPORTED);
	}
	if (config->store == IPAM_STORE_KUBERNETES)
		config->order = IPAM_ORDER_HASH;
	if (section->order.node) {
		r = read_order(&section->order, &config->order, err);
		if (r < 0)
			return r;
	}
	r = ipam_section_ranges(section, err);
	if (r < 0)
		return r;
	r = ipam_section_host_ranges(section, err);
	if (r < 0)
		return r;
	if (config->has_host_index && config->n_host_ranges == 0)
		return json_error(at, err, "hostIndex without hostRange");
	return 0;
}

/* Whereabouts passes over what its flat file says of it. */
static int read_overlap(const struct json_at *at, struct ipam_config *config,
			struct error *err)
{
	struct json_at overlap;

	return json_member(at, "enable_overlapping_ranges", &overlap)
		       ? json_read_bool(&overlap, &config->overlap, err)
		       : 0;
}

static int read_builtin(const struct json_at *at, bool lenient,
			struct ipam_config *ret, struct error *err)
{
	struct ipam_section section = {
		.config = {
			.present = true,
			.store = lenient ? IPAM_STORE_WHEREABOUTS :
					   IPAM_STORE_LOCAL,
			.order = IPAM_ORDER_LOWEST,
			.reuse_delay = 30,
			.overlap = true,
		},
		.lenient = lenient,
	};
	cleanup_ipam_flat struct ipam_flat flat = { .at = *at };
	struct error wrong = { 0 };
	struct error oom = { 0 };
	int r;

	/* A release goes by what can be read without it. */
	if (lenient)
		ipam_flat_read(at, &flat, &wrong);
	r = read_section(&flat.at, &section, err);
	if (r == 0)
		r = read_overlap(at, &section.config, err);
	if (error_is_set(&wrong)) {
		*err = wrong;
		r = error_return(err);
	}
	if (set_defaults(&section.config, &oom) < 0) {
		ipam_config_clear(&section.config);
		*err = oom;
		return error_return(err);
	}
	ipam_config_clear(ret);
	*ret = section.config;
	return r;
}

int ipam_config_read(const struct json_at *at, void *member, struct error *err)
{
	struct ipam_config *config = member;
	struct json_at type = { .up = at, .key = "type" };
	const char *text;
	bool given;
	int r;

	if (json_type(at) != JSON_TYPE_OBJECT)
		return json_expected(at, "an object", err);
	given = json_member(at, "type", &type);
	text = given ? json_text(&type) : "";
	if (!text)
		return json_expected(&type, "a string", err);
	if (!*text && json_count(at) <= (given ? 1 : 0))
		return 0;
	if (!*text)
		return json_error(&type, err, "required, but not given");

	if (strcmp(text, "hostshim") == 0 || strcmp(text, "whereabouts") == 0)
		return read_builtin(at, *text == 'w', config, err);
	r = json_read_string(&type, &config->type, err);
	if (r < 0)
		return r;
	config->present = true;
	return 0;
}
