#include "lib/netlink.h"
#include "plugin/attach.h"
#include "plugin/delegate.h"
#include "plugin/macvlan.h"
#include "plugin/node.h"
#include "plugin/reclaim.h"

/*
 * Would an ADD succeed, after all that it would create, repair and reclaim
 * itself? A runtime takes a node out of service on our word, and a node that was
 * just rebooted has nothing yet. Only looked at, never touched.
 */

static int status_node(const struct config *config, struct error *err)
{
	cleanup_netlink struct netlink *host = NULL;
	cleanup_node struct node node = { 0 };
	struct netlink_link parent;
	struct error wrong = { 0 };
	int r;

	/* The parent is in the pod: there is none to ask about. */
	if (config->link_in_container)
		return 0;
	r = netlink_open(-1, &host, err);
	if (r < 0)
		return r;
	r = node_find(config, &node, err);
	if (r < 0)
		return r;
	r = node_look(host, config, &node, &parent, &wrong);
	if (r < 0) {
		*err = wrong;
		return r;
	}
	return r == NODE_OK ? macvlan_verify(config, &parent, err) : 0;
}

int attach_status(const struct request *request, const struct config *config,
		  struct error *err)
{
	int r;

	if (delegate_is_wanted(config)) {
		r = delegate_call(request, config, REQUEST_STATUS, err);
		if (r < 0)
			return error_class(err, ERROR_NOT_AVAILABLE);
	}
	if (ipam_config_is_builtin(&config->ipam)) {
		r = reclaim_status(&config->ipam, err);
		if (r < 0)
			return r;
	}
	r = status_node(config, err);
	if (r < 0)
		return error_class(err, err->code == ERROR_SHIM
						? ERROR_LIMITED
						: ERROR_NOT_AVAILABLE);
	return 0;
}
