#include "test/netns/site-shim.h"

#include "plugin/shim.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct site site;
struct netlink_link parent;
struct netlink_link shim;

void site_shim_find_parent(void)
{
	cr_assert_eq(netlink_link_get(site.host, site.config.master, &parent,
				      &site.err),
		     0);
}

void site_shim_stop(void)
{
	free(site.config.shim.name);
	site.config.shim.name = NULL;
	site_clear(&site);
}

int site_shim_ensure(enum node_ensure how)
{
	cleanup_node_parent struct node_parent on = { .link = parent };

	site.err = (struct error){ 0 };
	return shim_ensure(site.host, &site.config, &site.node, &on, how, &shim,
			   &site.err);
}

void site_shim_make(void)
{
	cr_assert_eq(site_shim_ensure(NODE_REPAIR), NODE_CHANGED, "%s",
		     site.err.details);
}

void site_shim_expect_right(const char *what)
{
	site_changes();
	cr_expect_eq(site_shim_ensure(NODE_LOOK), NODE_OK, "%s: %s", what,
		     site.err.details);
	cr_expect_eq(site_shim_ensure(NODE_REPAIR), NODE_OK, "%s: %s", what,
		     site.err.details);
	cr_expect_eq(site_changes(), 0, "%s: a second run writes", what);
}

void site_shim_expect_refused(enum error_code code, const char *text)
{
	cleanup_free char *before = ns_snapshot(-1);
	cleanup_free char *after = NULL;

	cr_expect(site_shim_ensure(NODE_LOOK) < 0, "\"%s\": a look goes on",
		  text);
	cr_expect(site_shim_ensure(NODE_REPAIR) < 0, "\"%s\"", text);
	cr_expect_eq(site.err.code, code, "%u: %s", site.err.code,
		     site.err.details);
	cr_expect(strstr(site.err.details, text), "no \"%s\" in: %s", text,
		  site.err.details);
	after = ns_snapshot(-1);
	cr_expect(ns_same(before, after), "%s", text);
}

int site_shim_pod(const char *mode, const char *address)
{
	int fd = ns_new();
	char path[NS_PATH];

	ns_do(-1, "ip link add pod0 link %s type macvlan mode %s", parent.name,
	      mode);
	ns_do(-1, "ip link set pod0 netns %s", ns_path(fd, path));
	ns_do(fd,
	      "ip addr add %s dev pod0 nodad 2>/dev/null"
	      " || ip addr add %s dev pod0; ip link set pod0 up",
	      address, address);
	return fd;
}
