#include "test/netns/seed.h"

#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

int seed_other;
int seed_pod;

const char seed_config[] = "{ " SEED_OVERLAY ", " SEED_IPAM " }";

const char seed_config2[] =
	"{ " SEED_OVERLAY ", \"ipam\": { \"type\": \"hostshim\", "
	"\"range\": \"10.100.1.0/24\", \"range_start\": \"10.100.1.100\", "
	"\"range_end\": \"10.100.1.199\", "
	"\"stateDir\": \"/run/node2\", \"dataDir\": \"/var/lib/node2\" } }";

static void underlay(int node, const char *nic, int index)
{
	ns_do(node,
	      "ip addr add 10.100.100.%d/32 dev lo;"
	      "ip addr add 172.16.0.%d/24 dev %s;"
	      "ip route add 10.100.100.%d via 172.16.0.%d",
	      index, index, nic, 3 - index, 3 - index);
}

void seed_open(void)
{
	cni_init();
	seed_other = ns_new();
	seed_pod = ns_new();
	ns_veth(-1, "under0", seed_other, "under1");
	underlay(-1, "under0", 1);
	underlay(seed_other, "under1", 2);
}

void seed_close(void)
{
	close(seed_other);
	close(seed_pod);
}

struct cni_call seed_call(const char *verb, const char *config)
{
	return (struct cni_call){ .verb = verb,
				  .config = config,
				  .pod = seed_pod,
				  .env = "NODENAME=k8s-1" };
}

void seed_must(const struct cni_call *call, struct cni_answer *ret)
{
	cni_call(call, ret);
	cr_assert_eq(ret->status, 0, "%s: %s%s", call->verb, ret->out,
		     ret->err);
}

void seed_do(const char *verb, const char *config)
{
	struct cni_call call = seed_call(verb, config);
	cleanup_cni_answer struct cni_answer answer = { 0 };

	seed_must(&call, &answer);
}

void seed_add(const struct cni_call *call, char ret[static SEED_ADDRESS])
{
	cleanup_cni_answer struct cni_answer answer = { 0 };
	char text[CNI_TEXT];

	seed_must(call, &answer);
	cni_get(&answer, "ips.0.address", text);
	snprintf(ret, SEED_ADDRESS, "%.*s", (int)strcspn(text, "/"), text);
}

void seed_fails(const struct cni_call *call, int code, const char *text)
{
	cleanup_cni_answer struct cni_answer answer = { 0 };

	cni_call(call, &answer);
	cr_expect_eq(cni_code(&answer), code, "%s: %s", call->verb, answer.out);
	cr_expect(strstr(answer.out, text), "\"%s\" is not in %s", text,
		  answer.out);
}

void seed_says(const struct cni_answer *answer, const char *path,
	       const char *value)
{
	char text[CNI_TEXT];

	cr_expect_str_eq(cni_get(answer, path, text), value, "%s", path);
}

void seed_has(int ns, const char *text, const char *command)
{
	cr_expect(ns_has(ns, text, "%s", command), "\"%s\" in %s", text,
		  command);
}

void seed_has_not(int ns, const char *text, const char *command)
{
	cr_expect_not(ns_has(ns, text, "%s", command), "\"%s\" in %s", text,
		      command);
}
