#include "ipam/whereabouts-pool.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* The patches are tried on a server, beside the real Whereabouts, by
 * test/kube/whereabouts-patches. */

static struct error err;

/* Quotes written as '. */
static struct json *parse(const char *text)
{
	struct json *json = NULL;
	char document[2048];

	snprintf(document, sizeof(document), "%s", text);
	for (char *p = document; *p; p++)
		if (*p == '\'')
			*p = '"';
	cr_assert_eq(json_parse(document, strlen(document), &json, &err), 0,
		     "%s: %s", text, err.details);
	return json;
}

static int read_pool(const struct json *json, struct whereabouts_pool *ret)
{
	struct json_at root = json_root(json);

	err = (struct error){ 0 };
	return whereabouts_pool_read(&root, ret, &err);
}

/* A pool of 10.1.2.0/24 with these allocations. */
static struct json *pool_of(const char *allocations)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "{'metadata': {'name': '10.1.2.0-24', 'uid': 'u'},"
		 " 'spec': {'range': '10.1.2.0/24', 'allocations': {%s}}}",
		 allocations);
	return parse(text);
}

#define MINE  "{'id': 'c1', 'podref': 'ns/a', 'ifname': 'net1'}"
#define OTHER "{'id': 'c2', 'podref': 'ns/b', 'ifname': 'net1'}"

Test(whereabouts_pool, says_what_is_taken_and_by_whom)
{
	cleanup_json struct json *json = pool_of(
		"'1': " MINE ", '007': " OTHER
		", 'x': {'id': 'c3', 'podref': 'ns/c'},"
		" '9': {'id': 'hsh/n1', 'podref': ''}");
	cleanup_whereabouts_pool struct whereabouts_pool pool = { 0 };
	char text[INET_ADDR_TEXT];

	cr_assert_eq(read_pool(json, &pool), 0, "%s", err.details);
	cr_expect_str_eq(pool.name, "10.1.2.0-24");
	cr_expect_str_eq(pool.uid, "u");
	cr_expect_not(pool.is_crooked);
	cr_assert_eq(pool.count, 4);
	cr_expect_str_eq(inet_addr_format(&pool.items[1].addr, text),
			 "10.1.2.7");
	cr_expect_str_eq(pool.items[1].key, "007");
	cr_expect_str_eq(pool.items[1].holder.podref, "ns/b");
	cr_expect_eq(pool.items[2].addr.family, 0);
	cr_expect_null(pool.items[2].holder.ifname);
	cr_expect_str_eq(whereabouts_host(pool.items[3].holder.podref,
					  pool.items[3].holder.id),
			 "n1");
	cr_expect(range_set_size(&pool.taken) == 3);
	cr_expect(range_set_contains(&pool.taken, 0x0a010207));
}

Test(whereabouts_pool, one_that_was_made_by_hand_may_lack_most)
{
	static const struct {
		const char *text;
		int expected;
		bool is_crooked;
	} cases[] = {
		{ "{'metadata': {'name': 'n'}, 'spec': {'range':"
		  " '10.1.2.0/24'}}",
		  0, false },
		{ "{'metadata': {'name': 'n'}, 'spec': {'range':"
		  " '10.1.2.5/24', 'allocations': {}}}",
		  0, true },
		{ "{'metadata': {'name': 'n'}, 'spec': {'range':"
		  " 'fd00::/64', 'allocations': null}}",
		  0, false },
		{ "{'spec': {'range': '10.1.2.0/24'}}", -1, false },
		{ "{'metadata': {'name': 'n'}}", -1, false },
		{ "{'metadata': {'name': 'n'}, 'spec': {}}", -1, false },
		{ "{'metadata': {'name': 'n'}, 'spec': {'range': 'x'}}", -1,
		  false },
		{ "{'metadata': {'name': 'n'}, 'spec': {'range':"
		  " '10.1.2.0/24', 'allocations': ['x']}}",
		  -1, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_json struct json *json = parse(cases[i].text);
		cleanup_whereabouts_pool struct whereabouts_pool pool = { 0 };
		int r = read_pool(json, &pool);

		cr_expect_eq(r < 0, cases[i].expected < 0, "%s", cases[i].text);
		if (r < 0)
			cr_expect_eq(err.code, ERROR_STORE);
		else
			cr_expect_eq(pool.is_crooked, cases[i].is_crooked);
	}
}

Test(whereabouts_pool, an_add_goes_by_pod_and_a_del_by_container)
{
	static const struct {
		const char *allocations;
		const char *podref, *id; /* one of them */
		const char *key; /* NULL: none */
	} cases[] = {
		{ "'1': " MINE ", '2': " OTHER, "ns/b", NULL, "2" },
		{ "'1': " MINE, "ns/b", NULL, NULL },
		{ "'1': {'id': 'c9', 'podref': 'ns/a', 'ifname': 'net1'}",
		  "ns/a", NULL, "1" },
		{ "'1': {'id': 'c1', 'podref': 'ns/a', 'ifname': 'net2'}",
		  "ns/a", NULL, NULL },
		{ "'1': {'id': 'c1', 'podref': 'ns/a'}", "ns/a", NULL, NULL },
		/* A node's is nobody's. */
		{ "'1': {'id': 'c1', 'podref': '', 'ifname': 'net1'}", "", NULL,
		  NULL },
		{ "'1': " MINE ", '2': " OTHER, NULL, "c2", "2" },
		{ "'1': " MINE, NULL, "c2", NULL },
		/* Another pod has got it since. */
		{ "'1': {'id': 'c9', 'podref': 'ns/a', 'ifname': 'net1'}", NULL,
		  "c1", NULL },
		{ "'1': {'id': 'c1', 'podref': 'ns/z', 'ifname': 'net1'}", NULL,
		  "c1", "1" },
		{ "'1': {'id': 'c1', 'podref': 'ns/a', 'ifname': 'net2'}", NULL,
		  "c1", NULL },
		/* Without an interface: only if it is the only one. */
		{ "'1': {'id': 'c1', 'podref': 'ns/a'}", NULL, "c1", "1" },
		{ "'1': {'id': 'c1', 'podref': 'ns/a'},"
		  " '2': {'id': 'c1', 'podref': 'ns/a'}",
		  NULL, "c1", NULL },
		{ "'1': {'id': 'c1', 'podref': 'ns/a'},"
		  " '2': {'id': 'c1', 'podref': 'ns/a', 'ifname': 'net2'}",
		  NULL, "c1", NULL },
		{ "'1': {'id': 'c1', 'podref': 'ns/a'}, '2': " MINE, NULL, "c1",
		  "2" },
		/* What Whereabouts ignores. */
		{ "'x': " MINE, "ns/a", NULL, NULL },
		{ "'x': " MINE, NULL, "c1", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_json struct json *json = pool_of(cases[i].allocations);
		cleanup_whereabouts_pool struct whereabouts_pool pool = { 0 };
		const struct whereabouts_allocation *found;

		cr_assert_eq(read_pool(json, &pool), 0, "%s", err.details);
		found = cases[i].podref
				? whereabouts_pool_of_pod(&pool,
							  cases[i].podref,
							  "net1")
				: whereabouts_pool_of_container(&pool,
								cases[i].id,
								"net1");
		cr_expect_str_eq(found ? found->key : "-",
				 cases[i].key ? cases[i].key : "-", "%s",
				 cases[i].allocations);
	}
}

/* @text, with quotes written as '. */
static void expect_text(char *have, const char *text)
{
	have[strcspn(have, "\n")] = '\0';
	for (char *p = have; *p; p++)
		if (*p == '"')
			*p = '\'';
	cr_expect_str_eq(have, text);
	free(have);
}

Test(whereabouts_pool, a_patch_tests_what_it_changes_and_no_more)
{
	static const struct whereabouts_holder mine = { "ns/a", "c1", "net1" };
	static const struct whereabouts_holder node = { "", "hsh/n1", NULL };
	static const struct whereabouts_holder nameless = { "ns/a", "c1",
							    NULL };
	static const struct whereabouts_allocation have = {
		.key = "7",
		.holder = { "ns/a", "c1", "net1" },
	};
	static const struct whereabouts_pool seen = { .is_tracked = true };
	char *text;

	whereabouts_pool_claim(NULL, "10.1.2.0/24", "7", &mine, &text, &err);
	expect_text(text, "[{'op':'test','path':'/spec/range',"
			  "'value':'10.1.2.0/24'},"
			  "{'op':'test','path':'/spec/allocations/7',"
			  "'value':null},"
			  "{'op':'add','path':'/spec/allocations/7','value':"
			  "{'id':'c1','podref':'ns/a','ifname':'net1'}}]");
	whereabouts_pool_claim(NULL, "10.1.2.0/24", "7", &node, &text, &err);
	expect_text(text, "[{'op':'test','path':'/spec/range',"
			  "'value':'10.1.2.0/24'},"
			  "{'op':'test','path':'/spec/allocations/7',"
			  "'value':null},"
			  "{'op':'add','path':'/spec/allocations/7','value':"
			  "{'id':'hsh/n1','podref':''}}]");
	whereabouts_pool_claim(&seen, "10.1.2.0/24", "7", &node, &text, &err);
	expect_text(text, "[{'op':'test','path':'/spec/range',"
			  "'value':'10.1.2.0/24'},"
			  "{'op':'test','path':'/spec/allocations/7',"
			  "'value':null},"
			  "{'op':'add','path':'/spec/allocations/7','value':"
			  "{'id':'hsh/n1','podref':''}},"
			  "{'op':'replace','path':'/metadata/managedFields',"
			  "'value':[{}]}]");
	whereabouts_pool_adopt(&have, "c2", &text, &err);
	expect_text(text, "[{'op':'test','path':'/spec/allocations/7/id',"
			  "'value':'c1'},"
			  "{'op':'test','path':'/spec/allocations/7/podref',"
			  "'value':'ns/a'},"
			  "{'op':'test','path':'/spec/allocations/7/ifname',"
			  "'value':'net1'},"
			  "{'op':'replace','path':'/spec/allocations/7/id',"
			  "'value':'c2'}]");
	whereabouts_pool_release("7", &nameless, &text, &err);
	expect_text(text, "[{'op':'test','path':'/spec/allocations/7/id',"
			  "'value':'c1'},"
			  "{'op':'test','path':'/spec/allocations/7/podref',"
			  "'value':'ns/a'},"
			  "{'op':'remove','path':'/spec/allocations/7'}]");
	whereabouts_pool_untrack(&text, &err);
	expect_text(text, "[{'op':'replace','path':'/metadata/managedFields',"
			  "'value':[{}]}]");
}

Test(whereabouts_pool, a_patch_can_be_for_one_version_only)
{
	static const struct whereabouts_holder mine = { "ns/a", "c1", "net1" };
	cleanup_free char *release = NULL;
	char *text;

	cr_assert_eq(whereabouts_pool_release("7", &mine, &release, &err), 0);
	cr_assert_eq(whereabouts_pool_unchanged("4711", release, &text, &err),
		     0);
	expect_text(text, "[{'op':'test','path':'/metadata/resourceVersion',"
			  "'value':'4711'},"
			  "{'op':'test','path':'/spec/allocations/7/id',"
			  "'value':'c1'},"
			  "{'op':'test','path':'/spec/allocations/7/podref',"
			  "'value':'ns/a'},"
			  "{'op':'test','path':'/spec/allocations/7/ifname',"
			  "'value':'net1'},"
			  "{'op':'remove','path':'/spec/allocations/7'}]");
}

Test(whereabouts_pool, what_is_made_is_what_whereabouts_makes)
{
	static const struct whereabouts_holder mine = { "ns/a", "c1", "net1" };
	char *text;

	whereabouts_pool_write("10.1.2.0-24", "10.1.2.0/24", &text, &err);
	expect_text(text, "{'apiVersion':'whereabouts.cni.cncf.io/v1alpha1',"
			  "'kind':'IPPool','metadata':{'name':'10.1.2.0-24'},"
			  "'spec':{'range':'10.1.2.0/24','allocations':{}}}");
	whereabouts_overlap_write("10.1.2.7", &mine, &text, &err);
	expect_text(text, "{'apiVersion':'whereabouts.cni.cncf.io/v1alpha1',"
			  "'kind':'OverlappingRangeIPReservation',"
			  "'metadata':{'name':'10.1.2.7'},"
			  "'spec':{'podref':'ns/a','ifname':'net1',"
			  "'containerid':'c1'}}");
}

Test(whereabouts_pool, an_overlap_record_is_a_pods_interface)
{
	static const struct {
		const char *spec;
		bool expected;
	} cases[] = {
		{ "{'podref': 'ns/a', 'ifname': 'net1'}", true },
		{ "{'podref': 'ns/a', 'ifname': 'net1', 'containerid': 'x'}",
		  true },
		{ "{'podref': 'ns/a', 'ifname': 'net2'}", false },
		{ "{'podref': 'ns/b', 'ifname': 'net1'}", false },
		/* Of before 0.8.0 */
		{ "{'podref': 'ns/a'}", true },
		{ "{'podref': 'ns/a', 'ifname': ''}", true },
		{ "{}", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_json struct json *json = NULL;
		struct whereabouts_overlap overlap;
		struct json_at root;
		char text[256];

		snprintf(text, sizeof(text),
			 "{'metadata': {'name': 'n', 'uid': 'u'},"
			 " 'spec': %s}",
			 cases[i].spec);
		json = parse(text);
		root = json_root(json);
		cr_assert_eq(whereabouts_overlap_read(&root, &overlap, &err),
			     0);
		cr_expect_str_eq(overlap.uid, "u");
		cr_expect_eq(whereabouts_overlap_is(&overlap, "ns/a", "net1"),
			     cases[i].expected, "%s", cases[i].spec);
	}
}
