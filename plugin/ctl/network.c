#include "plugin/ctl/ctl.h"

#include "lib/file.h"
#include "plugin/macvlan.h"
#include "plugin/shim.h"

#include <glob.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define NETWORK_PATTERN "/etc/cni/net.d/hostshim.d/*.conf"

static void network_clear(struct network *network)
{
	free(network->path);
	config_clear(&network->config);
	node_clear(&network->node);
}

void ctl_networks_clear(struct ctl *ctl)
{
	for (size_t i = 0; i < ctl->n_networks; i++)
		network_clear(&ctl->networks[i]);
	free(ctl->networks);
	ctl->networks = NULL;
	ctl->n_networks = 0;
}

/* --- reading ----------------------------------------------------------------------- */

static int network_read(struct network *network, const char *path,
			struct error *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	network->path = strdup(path);
	if (!network->path)
		return error_oom(err);
	r = file_read(path, REQUEST_STDIN_MAX, &text, &len, err);
	if (r == FILE_ABSENT)
		return error_set(err, ERROR_CONFIG, 0, "%s does not exist",
				 path);
	if (r < 0)
		return error_class(err, ERROR_CONFIG);
	r = config_read_text(text, len, &network->config, err);
	if (r < 0)
		return error_context(err, "%s", path);
	return node_find(&network->config, &network->node, err);
}

static int network_add(struct ctl *ctl, const char *path, struct error *err)
{
	struct network *grown;

	grown = reallocarray(ctl->networks, ctl->n_networks + 1,
			     sizeof(*grown));
	if (!grown)
		return error_oom(err);
	ctl->networks = grown;
	grown[ctl->n_networks] = (struct network){ 0 };
	return network_read(&grown[ctl->n_networks++], path, err);
}

static int network_add_default(struct ctl *ctl, struct error *err)
{
	glob_t found = { 0 };
	int r = glob(NETWORK_PATTERN, 0, NULL, &found);

	if (r == GLOB_NOMATCH)
		return error_set(
			err, ERROR_CONFIG, 0,
			"no configuration: -c was not given, and there "
			"is no %s",
			NETWORK_PATTERN);
	if (r != 0)
		return error_set(err, ERROR_IO, errno, "%s", NETWORK_PATTERN);
	for (size_t i = 0; i < found.gl_pathc && r == 0; i++)
		r = network_add(ctl, found.gl_pathv[i], err);
	globfree(&found);
	return r;
}

int ctl_networks_read(struct ctl *ctl, struct error *err)
{
	if (ctl->n_files == 0)
		return network_add_default(ctl, err);
	for (size_t i = 0; i < ctl->n_files; i++) {
		int r = network_add(ctl, ctl->files[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- whose is it -------------------------------------------------------------------- */

static bool network_has_row(const struct config_node *row,
			    const struct inet_addr *addr)
{
	for (size_t i = 0; i < row->n_addresses; i++)
		if (inet_prefix_contains(&row->addresses[i], addr))
			return true;
	return false;
}

bool ctl_network_has(const struct network *network,
		     const struct inet_addr *addr)
{
	const struct config *config = &network->config;
	const struct ipam_config *ipam = &config->ipam;

	for (size_t i = 0; i < ipam->n_sets; i++)
		for (size_t j = 0; j < ipam->sets[i].count; j++)
			if (inet_prefix_contains(
				    &ipam->sets[i].ranges[j].range.network,
				    addr))
				return true;
	for (size_t i = 0; i < config->n_nodes; i++)
		if (network_has_row(&config->nodes[i], addr))
			return true;
	return ipam->n_sets == 0;
}

/* --- what is there ------------------------------------------------------------------ */

int ctl_parent(struct ctl *ctl, const struct network *network,
	       struct netlink_link *ret, struct error *err)
{
	const struct config *config = &network->config;

	*ret = (struct netlink_link){ 0 };
	if (config->master)
		return netlink_link_get(ctl->host, config->master, ret, err);
	return macvlan_master(ctl->host, config, ret, err);
}

int ctl_shim(struct ctl *ctl, const struct network *network,
	     const struct netlink_link *parent, struct netlink_link *ret,
	     struct error *err)
{
	*ret = (struct netlink_link){ 0 };
	if (!shim_is_possible(&network->config))
		return NETLINK_ABSENT;
	return shim_find(ctl->host, &network->config, parent, ret, err);
}

int ctl_addresses(struct netlink *nl, int index, char **ret, struct error *err)
{
	cleanup_netlink_addrs struct netlink_addrs addrs = { 0 };
	char *text = calloc(1, 1);
	int r;

	if (!text)
		return error_oom(err);
	r = netlink_addr_list(nl, index, AF_UNSPEC, &addrs, err);
	for (size_t i = 0; i < addrs.count && r == 0; i++) {
		char one[INET_PREFIX_TEXT];
		char *longer = NULL;

		if (addrs.items[i].scope == RT_SCOPE_LINK)
			continue;
		inet_prefix_format(&addrs.items[i].address, one);
		if (asprintf(&longer, "%s%s%s", text, *text ? ", " : "", one) <
		    0) {
			r = error_oom(err);
			break;
		}
		free(text);
		text = longer;
	}
	if (r < 0) {
		free(text);
		return r;
	}
	*ret = text;
	return 0;
}
