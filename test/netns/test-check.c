#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* CHECK from outside; what it compares on the link itself is in test-macvlan.c. */

static char *prev; /* the configuration with ADD's result */

static void attach(const char *config)
{
	struct cni_call call = seed_call("ADD", config);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_must(&call, &answer);
	prev = cni_prev(config, &answer);
}

static void open_attached(void)
{
	seed_open();
	attach(seed_config);
}

static void close_attached(void)
{
	free(prev);
	seed_close();
}

TestSuite(check, .init = open_attached, .fini = close_attached, .timeout = 60);

Test(check, of_what_ADD_made_is_good_and_changes_nothing)
{
	cleanup_free char *host = ns_snapshot(-1);
	cleanup_free char *inside = ns_snapshot(seed_pod);
	cleanup_free char *host_after = NULL;
	cleanup_free char *inside_after = NULL;

	seed_do("CHECK", prev);
	host_after = ns_snapshot(-1);
	inside_after = ns_snapshot(seed_pod);
	cr_expect(ns_same(host, host_after));
	cr_expect(ns_same(inside, inside_after));
}

Test(check, needs_prevResult)
{
	struct cni_call call = seed_call("CHECK", seed_config);

	seed_fails(&call, 7, "prevResult");
}

Test(check, finds_a_shim_that_is_gone_and_the_next_ADD_repairs_it)
{
	struct cni_call call = seed_call("CHECK", prev);
	struct cni_call other = seed_call("ADD", seed_config);
	char address[SEED_ADDRESS];

	ns_do(-1, "ip link del $(ip -o link show type macvlan | "
		  "sed 's/^[0-9]*: \\([^@]*\\)@.*/\\1/')");
	seed_fails(&call, 105, "hs-");
	other.id = "c2";
	other.ifname = "net2";
	seed_add(&other, address);
	seed_do("CHECK", prev);
}

Test(check, finds_a_reservation_that_is_gone)
{
	struct cni_call call = seed_call("CHECK", prev);

	ns_do(-1, "rm -rf /run/hostshim");
	seed_fails(&call, 108, "reserved");
}

Test(check, finds_an_interface_that_is_gone)
{
	struct cni_call call = seed_call("CHECK", prev);

	ns_do(seed_pod, "ip link del net1");
	seed_fails(&call, 104, "missing");
}

Test(check, finds_a_namespace_that_is_gone)
{
	struct cni_call call = seed_call("CHECK", prev);

	call.pod = 0;
	call.netns = "/run/netns/gone";
	seed_fails(&call, 8, "/run/netns/gone");
}

Test(check, finds_a_parent_that_is_down)
{
	struct cni_call call = seed_call("CHECK", prev);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	ns_do(-1, "ip link set vxlan-storage down");
	cni_call(&call, &answer);
	cr_expect_neq(cni_code(&answer), 0);
}
