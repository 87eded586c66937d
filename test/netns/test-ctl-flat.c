#include "test/netns/ctl.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <string.h>

/*
 * shimctl verify without an overlay: the parent is a NIC on a segment that both
 * nodes share, and keeps its address; the shims stand beside it.
 */

#define FLAT(master, first, last, more)                                        \
	"{ \"cniVersion\": \"1.1.0\", \"name\": \"flat\", "                    \
	"\"type\": \"hostshim\", \"master\": \"" master "\", "                 \
	"\"hostShim\": { \"name\": \"shim0\" }, \"nodes\": { "                 \
	"\"k8s-1\": { \"address\": \"172.16.0.201/24\" }, "                    \
	"\"k8s-2\": { \"address\": \"172.16.0.202/24\" } }, "                  \
	"\"ipam\": { \"type\": \"hostshim\", \"range\": \"172.16.0.0/24\", "   \
	"\"range_start\": \"172.16.0." first "\", "                            \
	"\"range_end\": \"172.16.0." last "\"" more " } }"

static const char here[] = FLAT("under0", "64", "95", "");
static const char there[] = FLAT("under1", "96", "127",
				 ", \"stateDir\": \"/run/node2\", "
				 "\"dataDir\": \"/var/lib/node2\"");

static int far_pod;

static void open_flat(void)
{
	struct cni_call call = { .verb = "ADD",
				 .config = there,
				 .id = "c2",
				 .env = "NODENAME=k8s-2" };
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_open();
	ctl_write(here);
	seed_do("ADD", here);
	far_pod = ns_new();
	call.pod = far_pod;
	call.node = seed_other;
	seed_must(&call, &answer);
}

static void close_flat(void)
{
	close(far_pod);
	seed_close();
}

TestSuite(ctl_flat, .init = open_flat, .fini = close_flat, .timeout = 120);

static void says(const char *args, int status, const char *line)
{
	cleanup_free char *out = NULL;
	cleanup_free char *err = NULL;

	cr_expect_eq(ctl_run(args, &out, &err), status, "%s%s", out, err);
	cr_expect(strstr(out, line), "no \"%s\" in:\n%s%s", line, out, err);
	cr_expect(status != 0 || !strstr(out, "WARN"), "%s", out);
}

/* The other node's NIC is on the segment as well, and is asked. */
Test(ctl_flat, a_healthy_segment_has_no_finding)
{
	says("$C verify --mtu --tcp --dad", 0,
	     "flat on k8s-1: 0 of 8 legs failed\n");
}

Test(ctl_flat, a_node_that_is_silent_is_named_with_the_parent)
{
	ns_do(seed_other, "ip link set under1 down");
	says("$C verify", 1,
	     "FAIL flat: k8s-2 does not answer over under0 -> run shimctl "
	     "verify there\n");
}
