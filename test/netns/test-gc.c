#include "test/netns/seed.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* GC from outside. */

TestSuite(gc, .init = seed_open, .fini = seed_close, .timeout = 60);

/* The seed's configuration as a runtime sends it for GC. */
static char *with_valid(const char *valid)
{
	char *text;

	cr_assert_gt(asprintf(&text,
			      "{ " SEED_OVERLAY ", " SEED_IPAM
			      ", \"cni.dev/valid-attachments\": %s }",
			      valid),
		     0);
	return text;
}

static void gc(const char *config, struct cni_answer *ret)
{
	struct cni_call call = seed_call("GC", config);

	call.pod = 0;
	call.id = "";
	call.ifname = "";
	seed_must(&call, ret);
	cr_expect_str_eq(ret->out, "");
}

static void expect_taken(const char *address, bool taken)
{
	struct cni_call call = seed_call("ADD", seed_config);
	cleanup_cni_answer struct cni_answer answer = { 0 };
	char args[64];

	snprintf(args, sizeof(args), "IP=%s", address);
	call.id = "another";
	call.ifname = "another0";
	call.args = args;
	cni_call(&call, &answer);
	cr_expect_eq(cni_code(&answer), taken ? 101 : 0, "%s: %s", address,
		     answer.out);
	call.verb = "DEL";
	{
		cleanup_cni_answer struct cni_answer gone = { 0 };

		seed_must(&call, &gone);
	}
}

Test(gc, of_an_empty_system_does_nothing)
{
	static const char *const valid[] = { "[]", "null" };

	for (size_t i = 0; i < ARRAY_SIZE(valid); i++) {
		cleanup_free char *config = with_valid(valid[i]);
		cleanup_cni_answer struct cni_answer answer = { 0 };

		gc(config, &answer);
		cr_expect_str_eq(answer.err, "");
	}
}

/* What was just made may have been made after the list was. */
Test(gc, keeps_what_is_young)
{
	cleanup_free char *config = with_valid("[]");
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_do("ADD", seed_config);
	ns_do(seed_pod, "ip link del net1");
	gc(config, &answer);
	expect_taken("10.100.1.16", true);
}

Test(gc, without_the_key_states_nothing)
{
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_do("ADD", seed_config);
	gc(seed_config, &answer);
	expect_taken("10.100.1.16", true);
}
