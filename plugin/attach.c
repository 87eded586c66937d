#include "plugin/attach.h"

#include "lib/undo.h"
#include "plugin/claim.h"
#include "plugin/conflict.h"
#include "plugin/macvlan.h"
#include "plugin/node.h"
#include "plugin/outcome.h"
#include "plugin/pod.h"
#include "plugin/shim.h"

/*
 * An attachment is three things: a reservation in the store, a link in the
 * pod's namespace, and the node's own leg (overlay, shim), which all attachments
 * share and which outlives them. What is true when is the store and the kernel
 * together; nothing is remembered elsewhere.
 *
 * ADD, and what is there if we die right after the line:
 *
 *	look		nothing of this attachment
 *	node_ensure	the node's leg, complete or repaired by the next ADD
 *	ipam_reserve	+ a pending record with our pid: whoever comes next (a
 *			DEL, GC, the same ADD again) sees that its process is
 *			dead and takes the address back or over
 *	macvlan_add	+ a link, in the pod, DOWN: a DEL finds it by name (also
 *			by the temporary one), and it dies with the namespace
 *	conflict_settle	the link is UP for a moment, without addresses (only if
 *			the configuration has the segment asked for conflicts)
 *	configure	+ addresses, UP, routes: the address is in use, and the
 *			record, still pending, says so
 *	conflict_verify	the same, or back to conflict_settle with other addresses
 *	ipam_confirm	the attachment is live
 *	announce	the segment has heard of it in our words too; the
 *			kernel's own came with UP (arp_notify, ndisc_notify)
 *
 * Addresses of a delegate come after the link, since it may talk through it; what
 * it remembers is its own affair, and DEL asks it.
 *
 * So the record exists before the link does and longer than it: there is never
 * an address in use that the store thinks free. DEL goes the other way: link
 * first, then the record; and if the link cannot be deleted, the record stays
 * and the runtime is told to come again.
 *
 * A failure (not a death) runs the inverses of the steps that were done, last
 * first. The node's leg is not taken back: others may use it by then.
 */

struct attach {
	const struct request *request;
	const struct config *config;
	int pod_netns;
	struct netlink *host;
	struct netlink *pod;
	struct claim claim;
	struct netlink_link parent;
	struct netlink_link link;
	bool has_leftover; /* link is what a killed ADD left */
};

static struct attach attach_init(const struct request *request,
				 const struct config *config)
{
	return (struct attach){
		.request = request,
		.config = config,
		.pod_netns = -1,
		.claim = claim_init(request, config),
	};
}

static void attach_clear(struct attach *attach)
{
	claim_clear(&attach->claim);
	attach->pod = netlink_close(attach->pod);
	attach->host = netlink_close(attach->host);
	cleanup_close_fd(&attach->pod_netns);
}
#define cleanup_attach cleanup(attach_clear)

/* --- what all verbs share ------------------------------------------------- */

static int open_sessions(struct attach *attach, struct error *err)
{
	int r = pod_open(attach->request, &attach->pod_netns, err);

	if (r < 0)
		return r;
	r = netlink_open(attach->pod_netns, &attach->pod, err);
	if (r < 0)
		return r;
	attach->claim.key.netns_cookie = netlink_cookie(attach->pod);
	return netlink_open(-1, &attach->host, err);
}

/* Where the parent is. */
static struct netlink *parent_session(const struct attach *attach)
{
	return attach->config->link_in_container ? attach->pod : attach->host;
}

/* --- ADD: look ---------------------------------------------------------------- */

static int ifname_exists(const struct attach *attach, struct error *err)
{
	return error_set(err, ERROR_IFNAME_EXISTS, 0,
			 "interface \"%s\" exists in the pod already",
			 attach->request->ifname);
}

/*
 * A killed ADD may have left the interface. Its record is pending then, and the
 * reservation, which comes first, fails if its process lives.
 */
static int check_ifname(struct attach *attach, struct error *err)
{
	int r = netlink_link_get(attach->pod, attach->request->ifname,
				 &attach->link, err);

	if (r == NETLINK_ABSENT)
		return 0;
	if (r < 0)
		return r;
	r = attach->link.is_macvlan ? claim_is_unfinished(&attach->claim, err)
				    : 0;
	if (r < 0)
		return r;
	if (r == 0)
		return ifname_exists(attach, err);
	attach->has_leftover = true;
	return 0;
}

/* --- ADD: steps --------------------------------------------------------------- */

static int find_parent(struct attach *attach, struct error *err)
{
	cleanup_node struct node node = { 0 };
	int r;

	if (attach->config->link_in_container) {
		r = macvlan_master(attach->pod, attach->config, &attach->parent,
				   err);
	} else {
		r = node_find(attach->config, &node, err);
		if (r < 0)
			return r;
		r = node_ensure(attach->host, attach->config, &node,
				&attach->parent, err);
	}
	if (r < 0)
		return r;
	return macvlan_verify(attach->config, &attach->parent, err);
}

static int add_link(struct attach *attach, struct error *err)
{
	const struct request *request = attach->request;
	int r;

	if (attach->has_leftover) {
		r = macvlan_del(attach->pod, request->ifname, err);
		if (r < 0)
			return r;
	}
	return macvlan_add(parent_session(attach), attach->pod,
			   attach->pod_netns, attach->config, &attach->parent,
			   request->ifname, &attach->link, err);
}

static int undo_reserve(void *step, struct error *err)
{
	struct attach *attach = step;

	return claim_release(&attach->claim, err);
}

static int undo_link(void *step, struct error *err)
{
	const struct attach *attach = step;
	int r = netlink_link_del(attach->pod, attach->link.index, err);

	return r < 0 ? error_context(err, "delete %s", attach->request->ifname)
		     : 0;
}

static int delegate(struct attach *attach, struct error *err)
{
	int r = claim_delegate(&attach->claim, err);

	if (r < 0)
		return r;
	return outcome_check_version(attach->config, &attach->claim.given, err);
}

/* --- ADD ---------------------------------------------------------------------- */

/* The shim is listed behind the pod's interface, if there is one. */
static int finish(const struct attach *attach, struct outcome *outcome,
		  struct error *err)
{
	const struct config *config = attach->config;
	struct netlink_link shim;
	const struct netlink_link *listed = NULL;
	int r;

	if (config->result_shim && shim_is_possible(config)) {
		r = shim_find(attach->host, config, &attach->parent, &shim,
			      err);
		if (r < 0)
			return r;
		listed = r == 0 ? &shim : NULL;
	}
	return outcome_finish(outcome, config, &attach->claim.given,
			      &attach->link, attach->request->netns, listed,
			      err);
}

static int look(struct attach *attach, struct error *err)
{
	int r;

	r = open_sessions(attach, err);
	if (r < 0)
		return r;
	r = outcome_check_version(attach->config, &attach->claim.given, err);
	if (r < 0)
		return r;
	r = check_ifname(attach, err);
	if (r < 0)
		return r;
	return find_parent(attach, err);
}

static int configure(struct attach *attach, struct outcome *outcome,
		     struct error *err)
{
	const struct result *result = &outcome->result;
	int r;

	r = outcome_begin(outcome, attach->config, &attach->claim.given, err);
	if (r < 0)
		return r;
	return macvlan_configure(attach->pod, attach->pod_netns, attach->config,
				 &attach->link, result->ips + outcome->first_ip,
				 result->n_ips - outcome->first_ip,
				 result->routes + outcome->first_route,
				 result->n_routes - outcome->first_route, err);
}

/* The same with addresses that nobody on the segment answers for. */
static int configure_alone(struct attach *attach, struct outcome *outcome,
			   struct error *err)
{
	for (int i = 0; i < CONFLICT_ROUNDS; i++) {
		int r = conflict_settle(&attach->claim, attach->pod,
					attach->pod_netns, &attach->link, err);

		if (r < 0)
			return r;
		r = configure(attach, outcome, err);
		if (r < 0)
			return r;
		r = conflict_verify(&attach->claim, attach->pod,
				    attach->pod_netns, &attach->link, err);
		if (r != CONFLICT_LOST)
			return r;
		outcome_clear(outcome);
	}
	return error_set(err, ERROR_AGAIN, 0,
			 "others on the segment were faster with each of %d "
			 "addresses",
			 CONFLICT_ROUNDS);
}

static void announce(const struct attach *attach, const struct outcome *outcome)
{
	const struct result *result = &outcome->result;

	macvlan_announce(attach->pod_netns, &attach->link,
			 result->ips + outcome->first_ip,
			 result->n_ips - outcome->first_ip);
}

static int add(struct attach *attach, struct outcome *outcome,
	       struct error *err)
{
	cleanup_undo struct undo undo = { 0 };
	int r;

	r = look(attach, err);
	if (r < 0)
		return r;
	if (claim_is_ours(&attach->claim)) {
		r = claim_reserve(&attach->claim, attach->pod_netns, err);
		if (r < 0)
			return r;
		undo_push(&undo, undo_reserve, attach);
	}
	r = add_link(attach, err);
	if (r < 0)
		return r;
	undo_push(&undo, undo_link, attach);
	if (claim_is_delegated(&attach->claim)) {
		/* A delegate whose ADD failed is owed a DEL as well. */
		undo_push(&undo, undo_reserve, attach);
		r = delegate(attach, err);
		if (r < 0)
			return r;
	}

	r = conflict_is_asked(attach->config)
		    ? configure_alone(attach, outcome, err)
		    : configure(attach, outcome, err);
	if (r < 0)
		return r;
	r = finish(attach, outcome, err);
	if (r < 0)
		return r;

	if (claim_is_ours(&attach->claim)) {
		r = claim_confirm(&attach->claim, err);
		if (r < 0)
			return r;
	}
	undo_commit(&undo);
	/* Last: it cannot fail, and who forked pays for each page that it writes
	 * to afterwards. */
	announce(attach, outcome);
	return 0;
}

int attach_add(const struct request *request, const struct config *config,
	       struct result *ret, struct error *err)
{
	cleanup_attach struct attach attach = attach_init(request, config);
	cleanup_outcome struct outcome outcome = { 0 };
	int r = add(&attach, &outcome, err);

	if (r < 0)
		return error_context(err, "attach %s", request->ifname);
	*ret = outcome.result;
	outcome.result = (struct result){ 0 };
	return 0;
}

/* --- DEL ----------------------------------------------------------------------- */

/* Nothing to delete is success: no namespace, our own, no link. */
static int del_link(struct attach *attach, struct error *err)
{
	int r = pod_find(attach->request, &attach->pod_netns, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = netlink_open(attach->pod_netns, &attach->pod, err);
	if (r < 0)
		return r;
	return macvlan_del(attach->pod, attach->request->ifname, err);
}

int attach_del(const struct request *request, const struct config *config,
	       struct error *err)
{
	cleanup_attach struct attach attach = attach_init(request, config);
	struct error next = { 0 };
	bool is_first = claim_needs_link(&attach.claim);

	if (is_first)
		claim_release(&attach.claim, err);
	/* While the link may still answer for its address, the address stays. */
	if (del_link(&attach, &next) == 0 && !is_first)
		claim_release(&attach.claim, &next);
	error_keep_first(err, &next);
	return error_is_set(err)
		       ? error_context(err, "detach %s", request->ifname)
		       : 0;
}

/* --- CHECK --------------------------------------------------------------------- */

static int check_parent(struct attach *attach, struct error *err)
{
	cleanup_node struct node node = { 0 };
	int r;

	if (attach->config->link_in_container)
		return macvlan_master(attach->pod, attach->config,
				      &attach->parent, err);
	r = node_find(attach->config, &node, err);
	if (r < 0)
		return r;
	r = node_look(attach->host, attach->config, &node, &attach->parent,
		      err);
	if (r == NODE_WRONG) {
		struct error found = *err;

		return error_set(err, ERROR_SHIM, 0, "%s", found.details);
	}
	return r;
}

static int check(struct attach *attach, struct error *err)
{
	int r;

	if (!attach->config->has_prev)
		return error_set(err, ERROR_CONFIG, 0,
				 "prevResult: CHECK needs it");
	r = open_sessions(attach, err);
	if (r < 0)
		return r;
	r = check_parent(attach, err);
	if (r < 0)
		return r;
	r = macvlan_check(attach->pod, attach->config, &attach->parent,
			  attach->request->ifname, attach->request->netns, err);
	if (r < 0)
		return r;
	return claim_check(&attach->claim, err);
}

int attach_check(const struct request *request, const struct config *config,
		 struct error *err)
{
	cleanup_attach struct attach attach = attach_init(request, config);
	int r = check(&attach, err);

	return r < 0 ? error_context(err, "check %s", request->ifname) : 0;
}
