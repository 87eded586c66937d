#include "plugin/ctl/nad.h"

#include "lib/file.h"
#include "lib/json-write.h"

#include <ctype.h>
#include <string.h>

/*
 * The configuration of the file, as it is written there, with two differences:
 * "exclude" has the nodes' own addresses too, for who else gives addresses of
 * that range; and "mtu" is named where the overlay's is. What a runtime puts
 * into a configuration is left out.
 */

#define NAD_LABEL_MAX 63
#define NAD_INDENT    4

static const struct {
	const char *text;
	const char *namespace;
} systems[] = {
	[NAD_LONGHORN] = { "longhorn", "longhorn-system" },
	[NAD_LINSTOR] = { "linstor", "piraeus-datastore" },
	[NAD_ROOK] = { "rook", "rook-ceph" },
};

/* --- names -------------------------------------------------------------------------- */

/* What an annotation may name (RFC 1123), and Longhorn's setting: no dot, no
 * slash. */
static bool nad_is_label(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > NAD_LABEL_MAX || *text == '-' ||
	    text[len - 1] == '-')
		return false;
	for (const char *p = text; *p; p++)
		if (!islower((unsigned char)*p) &&
		    !isdigit((unsigned char)*p) && *p != '-')
			return false;
	return true;
}

static int nad_names(struct nad *nad, struct error *err)
{
	nad->name = nad->ctl->name ? nad->ctl->name : nad->network->config.name;
	nad->namespace = nad->ctl->namespace ? nad->ctl->namespace
					     : systems[nad->system].namespace;
	if (!nad_is_label(nad->name))
		return error_set(err, ERROR_CONFIG, 0,
				 "\"%s\" is no name of a definition (lower "
				 "case letters, digits, '-', at most %d): give "
				 "one with --name",
				 nad->name, NAD_LABEL_MAX);
	if (nad->ctl->per_node &&
	    strcmp(nad->name, nad->network->config.name) != 0)
		return error_set(err, ERROR_CONFIG, 0,
				 "with --per-node Multus looks for a file of "
				 "the definition's name: \"%s\" is the file's, "
				 "not \"%s\"",
				 nad->network->config.name, nad->name);
	if (!nad_is_label(nad->namespace))
		return error_set(err, ERROR_CONFIG, 0,
				 "\"%s\" is no namespace (lower case letters, "
				 "digits, '-', at most %d)",
				 nad->namespace, NAD_LABEL_MAX);
	return 0;
}

/* --- the configuration in it ---------------------------------------------------------- */

static void nad_exclude(const struct nad *nad, struct json_writer *w,
			const struct inet_addr *addr)
{
	struct inet_prefix host = inet_prefix_host(addr);
	char text[INET_PREFIX_TEXT];

	if (nad_is_in_range(nad, addr) && !nad_is_excluded(nad, addr))
		json_write_string(w, NULL, inet_prefix_format(&host, text));
}

static int nad_write_exclude(const struct nad *nad, struct json_writer *w,
			     struct error *err)
{
	const struct config *config = &nad->network->config;
	struct json_at have;
	int r = 0;

	json_write_array(w, "exclude");
	if (json_member(&nad->ipam, "exclude", &have)) {
		for (size_t i = 0; i < json_count(&have) && r == 0; i++) {
			struct json_at item = json_element(&have, i);

			r = json_write_copy(w, NULL, &item, err);
		}
	}
	for (size_t i = 0; i < config->shim.n_addresses; i++)
		nad_exclude(nad, w, &config->shim.addresses[i].addr);
	for (size_t i = 0; i < config->n_nodes; i++)
		for (size_t j = 0; j < config->nodes[i].n_addresses; j++)
			nad_exclude(nad, w,
				    &config->nodes[i].addresses[j].addr);
	json_write_end(w);
	return r;
}

/* Of duplicates, the one that counts. */
static bool nad_counts(const struct json_at *up, const struct json_at *member)
{
	struct json_at last;

	return json_member(up, member->key, &last) && last.node == member->node;
}

static bool nad_is(const struct json_at *member, const char *key)
{
	return strcasecmp(member->key, key) == 0;
}

/* "exclude" belongs to "range"; other ways to name addresses have no such key. */
static int nad_write_ipam(const struct nad *nad, struct json_writer *w,
			  struct error *err)
{
	struct json_at range;
	bool has_range = json_member(&nad->ipam, "range", &range);
	int r = 0;

	json_write_object(w, "ipam");
	for (size_t i = 0; i < json_count(&nad->ipam) && r == 0; i++) {
		struct json_at member = json_member_at(&nad->ipam, i);

		if (nad_counts(&nad->ipam, &member) &&
		    !(has_range && nad_is(&member, "exclude")))
			r = json_write_copy(w, member.key, &member, err);
	}
	if (r == 0 && has_range)
		r = nad_write_exclude(nad, w, err);
	json_write_end(w);
	return r;
}

static bool nad_is_of_runtime(const struct json_at *member)
{
	static const char *const keys[] = { "prevResult", "runtimeConfig",
					    "args", "cni.dev/valid-attachments",
					    "cni.dev/attachments" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (nad_is(member, keys[i]))
			return true;
	return false;
}

static int nad_write_config(const struct nad *nad, const struct json_at *root,
			    struct json_writer *w, struct error *err)
{
	const struct config *config = &nad->network->config;
	int r = 0;

	json_write_object(w, NULL);
	for (size_t i = 0; i < json_count(root) && r == 0; i++) {
		struct json_at member = json_member_at(root, i);

		if (!nad_counts(root, &member) || nad_is_of_runtime(&member))
			continue;
		if (nad_is(&member, "ipam")) {
			r = nad_write_ipam(nad, w, err);
			continue;
		}
		if (nad_is(&member, "mtu") && config->mtu == 0)
			continue;
		r = json_write_copy(w, member.key, &member, err);
		if (nad_is(&member, "master") && !config->mtu &&
		    config->vxlan.mtu)
			json_write_uint(w, "mtu", config->vxlan.mtu);
	}
	json_write_end(w);
	return r;
}

/* --- the document ----------------------------------------------------------------------- */

/* How the system is told of it. */
static void nad_tell_use(struct nad *nad)
{
	struct report *report = &nad->ctl->report;

	switch (nad->system) {
	case NAD_LONGHORN:
		report_line(report,
			    "# Longhorn: the setting storage-network is "
			    "\"%s/%s\".\n"
			    "# It takes effect when no volume is attached. Do "
			    "not edit a definition that is in\n"
			    "# use: make one of another name, and change the "
			    "setting.",
			    nad->namespace, nad->name);
		break;
	case NAD_LINSTOR:
		report_line(report,
			    "# LINSTOR: pods join the network with the "
			    "annotation\n"
			    "#   k8s.v1.cni.cncf.io/networks: %s/%s\n"
			    "# Replication between the nodes' own addresses "
			    "(their host shims) needs satellites\n"
			    "# on the host's network, and no definition.",
			    nad->namespace, nad->name);
		break;
	case NAD_ROOK:
		report_line(report,
			    "# Rook: in the CephCluster, spec.network is\n"
			    "#   { provider: multus, selectors: { public: "
			    "%s/%s } }\n"
			    "# then: rook multus validation run",
			    nad->namespace, nad->name);
		break;
	}
}

static int nad_yaml(struct nad *nad, const char *config, struct error *err)
{
	struct report *report = &nad->ctl->report;
	cleanup_free char *pretty = NULL;
	int r;

	for (size_t i = 0; i < nad->warnings.n_cells; i++)
		report_line(report, "# %s", nad->warnings.cells[i]);
	nad_tell_use(nad);
	if (nad->ctl->per_node)
		report_line(report,
			    "# Without a config here, Multus takes the file "
			    "with this network name from its own\n"
			    "# configuration directory on the node: each names "
			    "its part of the subnet.");
	report_line(report,
		    "apiVersion: k8s.cni.cncf.io/v1\n"
		    "kind: NetworkAttachmentDefinition\n"
		    "metadata:\n"
		    "  name: %s\n"
		    "  namespace: %s",
		    nad->name, nad->namespace);
	if (nad->ctl->per_node)
		return 0;
	r = json_write_pretty(config, NAD_INDENT, &pretty, err);
	if (r == 0)
		report_line(report, "spec:\n  config: |-\n%s", pretty);
	return r;
}

static void nad_json(struct nad *nad, char *config)
{
	struct report *report = &nad->ctl->report;

	config[strcspn(config, "\n")] = '\0';
	report_string(report, "system", systems[nad->system].text);
	report_object(report, "definition");
	report_string(report, "apiVersion", "k8s.cni.cncf.io/v1");
	report_string(report, "kind", "NetworkAttachmentDefinition");
	report_object(report, "metadata");
	report_string(report, "name", nad->name);
	report_string(report, "namespace", nad->namespace);
	report_end(report);
	if (!nad->ctl->per_node) {
		report_object(report, "spec");
		report_string(report, "config", config);
		report_end(report);
	}
	report_end(report);
}

static int nad_render(struct nad *nad, const struct json_at *root,
		      struct error *err)
{
	cleanup_json_writer struct json_writer w = { 0 };
	cleanup_free char *config = NULL;
	size_t len;
	int r;

	r = nad_write_config(nad, root, &w, err);
	if (r < 0)
		return r;
	r = json_write_finish(&w, &config, &len, err);
	if (r < 0)
		return r;
	if (!nad->ctl->json)
		return nad_yaml(nad, config, err);
	nad_json(nad, config);
	return 0;
}

/* --- the command ------------------------------------------------------------------------- */

/* The file was read before, into what it means; here it is read as a text. */
static int nad_run(struct nad *nad, struct error *err)
{
	const char *path = nad->network->path;
	cleanup_json struct json *json = NULL;
	cleanup_free char *text = NULL;
	struct json_at root;
	size_t len;
	int r;

	r = nad_names(nad, err);
	if (r == 0)
		r = file_read(path, REQUEST_STDIN_MAX, &text, &len, err);
	if (r == FILE_ABSENT)
		return error_set(err, ERROR_CONFIG, 0, "%s does not exist",
				 path);
	if (r == 0)
		r = json_parse(text, len, &json, err);
	if (r < 0)
		return r;
	root = json_root(json);
	r = nad_read_ipam(nad, &root, err);
	if (r < 0)
		return error_context(err, "%s", path);
	nad_check(nad);
	if (nad->refused)
		return CTL_REFUSED;
	r = nad_render(nad, &root, err);
	return r < 0 ? r : CTL_OK;
}

static const struct ctl_column warning_columns[] = {
	{ NULL, "", CTL_TEXT },
	{ NULL, NULL, CTL_TEXT },
};

int ctl_nad(struct ctl *ctl, struct error *err)
{
	struct nad nad = { .ctl = ctl,
			   .network = &ctl->networks[0],
			   .warnings = { .columns = warning_columns } };
	size_t system = 0;
	int r;

	while (system < ARRAY_SIZE(systems) &&
	       strcmp(systems[system].text, ctl->args[0]) != 0)
		system++;
	if (system == ARRAY_SIZE(systems))
		return ctl_usage("nad: \"%s\" is not \"longhorn\", "
				 "\"linstor\" or \"rook\"",
				 ctl->args[0]);
	if (ctl->n_networks != 1)
		return ctl_usage("nad: there are %zu networks; name one with "
				 "-c",
				 ctl->n_networks);
	nad.system = (enum nad_system)system;
	r = nad_run(&nad, err);
	nad_clear(&nad);
	return r;
}
