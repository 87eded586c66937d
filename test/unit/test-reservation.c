#include "ipam/reservation.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct inet_addr addr_of(const char *text)
{
	struct inet_addr addr;

	cr_assert(inet_addr_parse(text, &addr), "%s", text);
	return addr;
}

/* --- names --------------------------------------------------------------------- */

Test(reservation, a_name_is_the_pool_and_the_address)
{
	static const struct {
		const char *pool;
		const char *addr;
		const char *name;
	} cases[] = {
		{ "", "10.1.2.3", "10.1.2.3" },
		{ "storage-a", "10.1.2.3", "storage-a.10.1.2.3" },
		{ "", "fd00::1", "fd00-0000-0000-0000-0000-0000-0000-0001" },
		{ "p", "2001:db8::ff:0:a",
		  "p.2001-0db8-0000-0000-0000-00ff-0000-000a" },
		{ "", "::", "0000-0000-0000-0000-0000-0000-0000-0000" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct inet_addr addr = addr_of(cases[i].addr);
		char name[RESERVATION_NAME];
		struct inet_addr back;

		cr_expect_str_eq(reservation_name(cases[i].pool, &addr, name),
				 cases[i].name);
		cr_expect(reservation_parse_name(name, cases[i].pool, &back));
		cr_expect(inet_addr_equal(&back, &addr), "%s", name);
	}
}

Test(reservation, other_names_are_none)
{
	static const struct {
		const char *pool;
		const char *name;
	} cases[] = {
		{ "", "" },
		{ "", "p.10.1.2.3" },
		{ "p", "10.1.2.3" },
		{ "p", "pq.10.1.2.3" },
		{ "p", "p." },
		{ "", "10.1.2" },
		{ "", "10.1.2.03" },
		{ "", "10.1.2.3.4" },
		{ "", "fd00::1" },
		{ "", "fd00-0-0-0-0-0-0-1" },
		{ "", "FD00-0000-0000-0000-0000-0000-0000-0001" },
		{ "", "fd00-0000-0000-0000-0000-0000-0000-000g" },
		{ "", "fd00-0000-0000-0000-0000-0000-0000-00011" },
		{ "", "0000-0000-0000-0000-0000-ffff-0a01-0203" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inet_addr addr;

		cr_expect_not(reservation_parse_name(cases[i].name,
						     cases[i].pool, &addr),
			      "%s", cases[i].name);
	}
}

/* --- labels ---------------------------------------------------------------------- */

static bool is_label(const char *text)
{
	return strlen(text) <= 63 &&
	       text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] ==
		       '\0';
}

Test(reservation, labels_fit_kubernetes)
{
	static const char *const nodes[] = {
		"k8s-1",
		"node.example.com",
		"-node",
		"node with space",
		"a-name-that-is-longer-than-a-label-may-be-and-that-a-cloud.gave.it",
	};
	char text[RESERVATION_LABEL], other[RESERVATION_LABEL];
	struct inet_addr addr = addr_of("10.1.2.77");

	cr_expect_str_eq(reservation_block(&addr, text), "10.1.2.64");
	addr = addr_of("fd00::7f");
	cr_expect_str_eq(reservation_block(&addr, text),
			 "fd00-0000-0000-0000-0000-0000-0000-0040");
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		cr_expect(is_label(reservation_node(nodes[i], text)), "%s",
			  text);
	cr_expect_str_eq(reservation_node("k8s-1", text), "k8s-1");
	/* printf 'c1\0net1' | sha256sum */
	cr_expect_str_eq(reservation_owner("c1", "net1", text),
			 "ca4978b4555a387c81a622599d81b91d");
	cr_expect_str_neq(reservation_owner("c1n", "et1", other), text);
}

/* --- objects --------------------------------------------------------------------- */

static struct reservation example(void)
{
	return (struct reservation){
		.address = addr_of("10.1.2.3"),
		.pool = "lh",
		.node = "k8s-1",
		.boot_id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
		.attempt = "c9bcdb1b-361b-79a7-5474-205dc562e3bd.1",
		.pod_namespace = "longhorn-system",
		.pod_name = "instance-manager-\"1\"",
		.pod_uid = "u",
		.ifname = "lhnet1",
		.container_id = "0123456789abcdef",
		.network = "storage",
	};
}

/* As the server would have it: with uid and version. */
static char *as_stored(const struct reservation *reservation)
{
	cleanup_free char *text = NULL;
	struct error err = { 0 };
	const char *metadata = "\"metadata\":{";
	char *at, *ret;

	cr_assert_eq(reservation_write(reservation, &text, &err), 0);
	at = strstr(text, metadata);
	cr_assert(at);
	cr_assert_gt(asprintf(&ret,
			      "%.*s\"uid\":\"u-1\",\"resourceVersion\":\"77\","
			      "\"creationTimestamp\":\"2026-11-22T08:00:00Z\","
			      "%s",
			      (int)(at - text + (int)strlen(metadata)), text,
			      at + strlen(metadata)),
		     0);
	return ret;
}

static int read_text(const char *text, struct reservation *ret,
		     struct error *err)
{
	cleanup_json struct json *json = NULL;
	struct json_at root;

	cr_assert_eq(json_parse(text, strlen(text), &json, err), 0, "%s: %s",
		     text, err->details);
	root = json_root(json);
	return reservation_read(&root, ret, err);
}

Test(reservation, what_is_written_is_read)
{
	static const char *const vtep[] = { NULL, "10.100.1.1", "fd00::7" };

	for (size_t i = 0; i < ARRAY_SIZE(vtep); i++) {
		struct reservation want = example();
		struct reservation got;
		cleanup_free char *text = NULL;
		struct error err = { 0 };

		want.is_host = vtep[i] != NULL;
		if (vtep[i])
			want.vtep = addr_of(vtep[i]);
		text = as_stored(&want);
		cr_assert_eq(read_text(text, &got, &err), 0, "%s", err.details);
		cr_expect_str_eq(got.name, "lh.10.1.2.3");
		cr_expect_str_eq(got.uid, "u-1");
		cr_expect_eq(got.version, 77);
		cr_expect_eq(got.created, 1795334400);
		cr_expect(inet_addr_equal(&got.address, &want.address));
		cr_expect(inet_addr_equal(&got.vtep, &want.vtep));
		cr_expect_eq(got.is_host, want.is_host);
		cr_expect_str_eq(got.pool, want.pool);
		cr_expect_str_eq(got.node, want.node);
		cr_expect_str_eq(got.boot_id, want.boot_id);
		cr_expect_str_eq(got.attempt, want.attempt);
		cr_expect_str_eq(got.pod_namespace, want.pod_namespace);
		cr_expect_str_eq(got.pod_name, want.pod_name);
		cr_expect_str_eq(got.pod_uid, want.pod_uid);
		cr_expect_str_eq(got.ifname, want.ifname);
		cr_expect_str_eq(got.container_id, want.container_id);
		cr_expect_str_eq(got.network, want.network);
	}
}

Test(reservation, a_pods_object_can_be_found_by_its_attachment_a_hosts_cannot)
{
	struct reservation want = example();
	cleanup_free char *pod = NULL, *host = NULL;
	struct error err = { 0 };

	cr_assert_eq(reservation_write(&want, &pod, &err), 0);
	want.is_host = true;
	cr_assert_eq(reservation_write(&want, &host, &err), 0);
	cr_expect(strstr(pod, "\"" RESERVATION_LABEL_OWNER "\""));
	cr_expect_not(strstr(host, "\"" RESERVATION_LABEL_OWNER "\""));
	cr_expect(strstr(pod, "\"hostshim.dev/pool\":\"lh\""));
	cr_expect(strstr(pod, "\"hostshim.dev/block\":\"10.1.2.0\""));
	cr_expect(strstr(pod, "\"hostshim.dev/node\":\"k8s-1\""));
}

#define META "'metadata': {'name': '10.1.2.3', 'uid': 'u'}"
#define SPEC "'spec': {'address': '10.1.2.3', 'kind': 'pod'}"

Test(reservation, foreign_objects_are_named_and_not_believed)
{
	static const struct {
		const char *text;
		const char *expected; /* NULL: it is one */
	} cases[] = {
		{ "{" META ", " SPEC "}", NULL },
		{ "{" META ", " SPEC ", 'status': {'x': [1, null]}}", NULL },
		{ "{}", "metadata is missing" },
		{ "[]", "metadata is missing" },
		{ "{'metadata': null, " SPEC "}", "metadata is missing" },
		{ "{'metadata': 7, " SPEC "}", "no name and uid" },
		{ "{'metadata': {'uid': 'u'}, " SPEC "}", "no name and uid" },
		{ "{'metadata': {'name': '10.1.2.3'}, " SPEC "}",
		  "no name and uid" },
		{ "{'metadata': {'name': 5, 'uid': 'u'}, " SPEC "}",
		  "metadata.name is no such text" },
		{ "{" META "}", "spec is missing" },
		{ "{" META ", 'spec': []}", "spec has no address" },
		{ "{" META ", 'spec': {'kind': 'pod'}}",
		  "spec has no address" },
		{ "{" META ", 'spec': {'address': '10.1.2', 'kind': 'pod'}}",
		  "spec has no address" },
		{ "{" META ", 'spec': {'address': '10.1.2.3'}}",
		  "spec has no kind" },
		{ "{" META
		  ", 'spec': {'address': '10.1.2.3', 'kind': 'hosts'}}",
		  "spec has no kind" },
		{ "{" META ", 'spec': {'address': '10.1.2.4', 'kind': 'pod'}}",
		  "not named by its address" },
		{ "{" META ", 'spec': {'address': '10.1.2.3', 'kind': 'pod',"
		  " 'pool': 'p'}}",
		  "not named by its address" },
		{ "{" META ", 'spec': {'address': '10.1.2.3', 'kind': 'pod',"
		  " 'ifname': 'an-interface-name-too-long'}}",
		  "spec.ifname is no such text" },
		{ "{" META ", 'spec': {'address': '10.1.2.3', 'kind': 'pod',"
		  " 'node': {'a': 1}}}",
		  "spec.node is no such text" },
		{ "{" META ", 'spec': {'address': '10.1.2.3', 'kind': 'pod',"
		  " 'vtep': 'x'}}",
		  NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = strdup(cases[i].text);
		struct reservation got;
		struct error err = { 0 };
		int r;

		for (char *p = text; *p; p++)
			if (*p == '\'')
				*p = '"';
		r = read_text(text, &got, &err);
		if (!cases[i].expected) {
			cr_expect_eq(r, 0, "%s: %s", text, err.details);
			continue;
		}
		cr_expect_lt(r, 0, "%s", text);
		cr_expect_eq(err.code, ERROR_STORE);
		cr_expect(strstr(err.details, cases[i].expected), "%s: %s",
			  text, err.details);
	}
}

Test(reservation, versions_are_numbers_or_nothing)
{
	static const struct {
		const char *text;
		uint64_t expected;
	} cases[] = {
		{ "{\"resourceVersion\":\"12\"}", 12 },
		{ "{\"resourceVersion\":\"18446744073709551615\"}",
		  UINT64_MAX },
		{ "{\"resourceVersion\":\"18446744073709551616\"}", 0 },
		{ "{\"resourceVersion\":\"-1\"}", 0 },
		{ "{\"resourceVersion\":\"12x\"}", 0 },
		{ "{\"resourceVersion\":\"\"}", 0 },
		{ "{\"resourceVersion\":12}", 0 },
		{ "{}", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_json struct json *json = NULL;
		struct error err = { 0 };
		struct json_at root;

		cr_assert_eq(json_parse(cases[i].text, strlen(cases[i].text),
					&json, &err),
			     0);
		root = json_root(json);
		cr_expect_eq(reservation_version(&root), cases[i].expected,
			     "%s", cases[i].text);
	}
}

Test(reservation, one_that_is_being_deleted_is_known)
{
	struct reservation got;
	struct error err = { 0 };

	cr_assert_eq(
		read_text(
			"{\"metadata\":{\"name\":\"10.1.2.3\",\"uid\":\"u\","
			"\"deletionTimestamp\":\"2026-11-22T08:00:00Z\"},"
			"\"spec\":{\"address\":\"10.1.2.3\",\"kind\":\"pod\"}}",
			&got, &err),
		0);
	cr_expect(got.is_going);
}
