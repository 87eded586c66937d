#include "test/store/contract.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void contract_config(struct ipam_config *ret, const char *members)
{
	cleanup_json struct json *json = NULL;
	cleanup_free char *text = NULL;
	struct error err = { 0 };
	struct json_at root;
	int r;

	cr_assert_geq(asprintf(&text, "{'type': 'hostshim', %s, %s}",
			       contract_fixture.keys(), members),
		      0);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	r = json_parse(text, strlen(text), &json, &err);
	cr_assert_eq(r, 0, "%s: %s", text, err.details);
	root = json_root(json);
	r = ipam_config_read(&root, ret, &err);
	cr_assert_eq(r, 0, "%s: %s", text, err.details);
	r = ipam_config_reserve(ret, NULL, 0, &err);
	cr_assert_eq(r, 0, "%s: %s", text, err.details);
	ret->node = strdup("node-1");
	cr_assert(ret->node);
}

struct store *contract_open(const struct ipam_config *config)
{
	struct error err = { 0 };
	struct store *store = NULL;
	int r = contract_fixture.open(config, &store, &err);

	cr_assert_eq(r, 0, "%s", err.details);
	return store;
}

struct store_attachment contract_attachment(char buf[static 32], unsigned int n)
{
	snprintf(buf, 32, "container-%u", n);
	return (struct store_attachment){
		.network = "net",
		.container_id = buf,
		.ifname = "net1",
		.netns = "/run/netns/pod",
		.netns_cookie = 4711,
		.pod_namespace = "",
		.pod_name = "",
		.pod_uid = "",
	};
}

int contract_reserve(struct store *store, const struct ipam_config *config,
		     const struct store_attachment *attachment,
		     char ret[static INET_ADDR_TEXT], struct error *err)
{
	cleanup_store_record struct store_record record = { 0 };
	const struct store_wish wish = { config, attachment, { { 0 } } };
	size_t set;
	int r;

	*ret = '\0';
	r = store->ops->reserve(store, &wish, &record, &set, err);
	if (r == 0)
		inet_addr_format(&record.addresses[0].address.addr, ret);
	return r;
}

unsigned int contract_used(struct store *store)
{
	struct store_usage usage;
	struct error err = { 0 };
	int r = store->ops->usage(store, 0, &usage, &err);

	cr_assert_eq(r, 0, "%s", err.details);
	return (unsigned int)usage.used;
}

void contract_in_child(void (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0, "the child failed");
}
