#include "plugin/ctl/children.h"

#include "lib/file.h"

#include <string.h>

/*
 * The kernel counts who listens on a link for a multicast address, and each
 * Ethernet link that is UP listens for all hosts' (224.0.0.1): the parent itself,
 * and what is on it, which hands its addresses down (dev_mc_sync), from whatever
 * namespace. So the users of 01:00:5e:00:00:01 are the children that are UP, and
 * the parent.
 */

#define HIDDEN_MAX       ((size_t)4 << 20)
#define HIDDEN_ALL_HOSTS "01005e000001"

/* proc_net(5), dev_mcast: index, name, users, of which global, address. */
enum {
	HIDDEN_INDEX,
	HIDDEN_NAME,
	HIDDEN_USERS,
	HIDDEN_GLOBAL,
	HIDDEN_MAC,
	HIDDEN_FIELDS,
};

static bool hidden_split(char *line, char *fields[static HIDDEN_FIELDS])
{
	char *save = NULL;

	for (int i = 0; i < HIDDEN_FIELDS; i++) {
		fields[i] = strtok_r(i ? NULL : line, " \t", &save);
		if (!fields[i])
			return false;
	}
	return true;
}

static size_t hidden_users(char *text, int index)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *fields[HIDDEN_FIELDS];

		if (hidden_split(line, fields) &&
		    strtol(fields[HIDDEN_INDEX], NULL, 10) == index &&
		    strcmp(fields[HIDDEN_MAC], HIDDEN_ALL_HOSTS) == 0)
			return strtoul(fields[HIDDEN_USERS], NULL, 10);
	}
	return 0;
}

/* What else hands its addresses down, and is no macvlan. */
static bool hidden_is_other(const struct netlink_link *link, int parent)
{
	static const char *const kinds[] = { "vlan", "macvtap", "ipvlan",
					     "ipvtap" };

	if (link->parent != parent || link->parent_netns != -1 ||
	    !(link->flags & IFF_UP))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(link->kind, kinds[i]) == 0)
			return true;
	return false;
}

static int hidden_known(struct ctl *ctl, const struct netlink_link *parent,
			const struct children *children, size_t *ret,
			struct error *err)
{
	cleanup_netlink_links struct netlink_links links = { 0 };
	int r = netlink_link_list(ctl->host, &links, err);

	*ret = parent->flags & IFF_UP ? 1 : 0;
	for (size_t i = 0; i < links.count; i++)
		*ret += hidden_is_other(&links.items[i], parent->index);
	for (size_t i = 0; i < children->count; i++)
		*ret += children->items[i].is_found && children->items[i].is_up;
	return r;
}

int children_hidden(struct ctl *ctl, const struct netlink_link *parent,
		    const struct children *children, size_t *ret,
		    struct error *err)
{
	cleanup_free char *text = NULL;
	size_t users, known;
	int r;

	*ret = 0;
	if (parent->is_macvlan)
		return 0;
	r = file_read("/proc/net/dev_mcast", HIDDEN_MAX, &text, NULL, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = hidden_known(ctl, parent, children, &known, err);
	if (r < 0)
		return r;
	users = hidden_users(text, parent->index);
	*ret = users > known ? users - known : 0;
	return 0;
}
