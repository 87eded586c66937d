/*
 * What is owed of Reservations. Each line is settled by what it knows:
 *
 *	RELEASE		the uid: it names one reservation for ever, so its
 *			deletion hits that one or nothing
 *	UNKNOWN		the attempt: an object with it is ours to delete; one
 *			with another says that ours was never made and never
 *			will be. That there is none says nothing: with a stalled
 *			etcd the object comes when the stall ends. So the line
 *			stays, and is looked at less and less often
 *	ATTACHMENT	the label, for an attachment of which nothing else is
 *			known: what the server has of it, but for what the table
 *			knows as a later one
 *
 * The attachment itself is never compared for UNKNOWN: it may hold the same
 * address by a later attempt.
 */

#include "ipam/store-kube-priv.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

/* --- one reservation -------------------------------------------------------------- */

static int owed_kept(struct cluster *cluster, const struct ledger_line *line,
		     int r, struct error *err)
{
	char name[RESERVATION_NAME];

	reservation_name(line->pool, &line->addr, name);
	if (r == CLUSTER_UNKNOWN) {
		log_debug("%s stays owed: %s", name, cluster->why);
		return OWED_AWAY;
	}
	if (err->code == ERROR_AGAIN) {
		log_debug("%s stays owed: %s", name, err->details);
		return OWED_AWAY;
	}
	log_warning("%s stays owed: %s", name, err->details);
	return OWED_KEPT;
}

static int settle_release(struct cluster *cluster,
			  const struct ledger_line *line, const char *uid)
{
	char name[RESERVATION_NAME];
	struct error err = { 0 };
	int r;

	reservation_name(line->pool, &line->addr, name);
	r = cluster_delete(cluster, name, uid, &err);
	return r == 0 ? OWED_DONE : owed_kept(cluster, line, r, &err);
}

static int settle_unknown(struct cluster *cluster,
			  const struct ledger_line *line)
{
	struct reservation have;
	char name[RESERVATION_NAME];
	struct error err = { 0 };
	int r;

	reservation_name(line->pool, &line->addr, name);
	r = cluster_get(cluster, name, &have, &err);
	if (r == CLUSTER_ABSENT)
		return OWED_KEPT;
	if (r != 0)
		return owed_kept(cluster, line, r, &err);
	if (strcmp(have.attempt, line->attempt) != 0)
		return OWED_DONE;
	return settle_release(cluster, line, have.uid);
}

/* --- by attachment ---------------------------------------------------------------- */

/* Is the object an attachment's, or on its way to be? Then it is not owed. */
static int is_known(struct cluster *cluster,
		    const struct reservation *reservation, struct error *err)
{
	cleanup_ledger_entry struct ledger_entry entry = { 0 };
	struct ledger_line line = { 0 };
	struct table_key holder;
	int r;

	r = ledger_look(cluster->ledger, reservation->pool,
			&reservation->address, "", &holder, err);
	if (r < 0)
		return r;
	if (r == LEDGER_HELD) {
		r = ledger_entry_load(cluster->ledger, &holder, &entry, err);
		if (r < 0)
			return r;
		for (size_t i = 0; i < entry.record.n_addresses; i++)
			if (strcmp(entry.refs[i].uid, reservation->uid) == 0)
				return 1;
	}
	for (;;) {
		r = ledger_line_next(cluster->ledger, line.number + 1, &line,
				     err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (line.kind == LEDGER_POST &&
		    strcmp(line.attempt, reservation->attempt) == 0)
			return 1;
	}
}

int cluster_is_known(struct cluster *cluster,
		     const struct reservation *reservation, struct error *err)
{
	int r = cluster_begin(cluster, false, err);

	if (r != 0)
		return r == STORE_BUSY ? 1 : r;
	r = is_known(cluster, reservation, err);
	table_abort(ledger_table(cluster->ledger));
	return r;
}

int cluster_list_attachment(struct cluster *cluster,
			    const struct store_attachment *attachment,
			    struct cluster_list *ret, struct error *err)
{
	char owner[RESERVATION_LABEL], node[RESERVATION_LABEL];
	char selector[256];
	size_t kept = 0;
	int r;

	snprintf(selector, sizeof(selector), "%s=%s,%s=%s",
		 RESERVATION_LABEL_OWNER,
		 reservation_owner(attachment->container_id, attachment->ifname,
				   owner),
		 RESERVATION_LABEL_NODE,
		 reservation_node(cluster->config->node, node));
	r = cluster_list(cluster, selector, ret, err);
	/* A label is not the thing: whoever may write one may write this. */
	for (size_t i = 0; i < ret->count; i++) {
		const struct reservation *found = &ret->items[i];

		if (!found->is_host &&
		    strcmp(found->node, cluster->config->node) == 0 &&
		    (reservation_is_adopted(found) ||
		     strcmp(found->network, attachment->network) == 0) &&
		    strcmp(found->container_id, attachment->container_id) ==
			    0 &&
		    strcmp(found->ifname, attachment->ifname) == 0)
			ret->items[kept++] = *found;
	}
	ret->count = kept;
	return r;
}

static int settle_object(struct cluster *cluster,
			 const struct reservation *object)
{
	struct ledger_line line = { .addr = object->address };
	struct error err = { 0 };
	int r = cluster_forget_nameless(cluster->ledger,
					cluster->base.timeout_ms, object->pool,
					&object->address, object->ifname, &err);

	if (r == 0)
		r = cluster_is_known(cluster, object, &err);
	if (r != 0)
		return r < 0 ? owed_kept(cluster, &line, r, &err) : OWED_DONE;
	memcpy(line.pool, object->pool, sizeof(line.pool));
	return settle_release(cluster, &line, object->uid);
}

static int settle_attachment(struct cluster *cluster,
			     const struct ledger_line *line)
{
	const struct store_attachment attachment = {
		.network = line->network,
		.container_id = line->container_id,
		.ifname = line->ifname,
	};
	cleanup_cluster_list struct cluster_list list = { 0 };
	struct error err = { 0 };
	int settled = OWED_DONE;
	int r;

	r = cluster_list_attachment(cluster, &attachment, &list, &err);
	if (r < 0)
		return owed_kept(cluster, line, r, &err);
	for (size_t i = 0; i < list.count && settled != OWED_AWAY; i++) {
		r = settle_object(cluster, &list.items[i]);
		if (r != OWED_DONE)
			settled = r;
	}
	return settled;
}

int cluster_settle_line(struct cluster *cluster, const struct ledger_line *line)
{
	switch ((enum ledger_kind)line->kind) {
	case LEDGER_RELEASE:
		return settle_release(cluster, line, line->uid);
	case LEDGER_ATTACHMENT:
		return settle_attachment(cluster, line);
	case LEDGER_POST:
	case LEDGER_UNKNOWN:
		break;
	}
	return settle_unknown(cluster, line);
}
