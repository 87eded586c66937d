/*
 * What is sent to Whereabouts' objects: new ones, as Whereabouts writes them, and
 * patches (RFC 6902) of a pool, each with the tests that make it one allocation's.
 */

#include "ipam/whereabouts-pool.h"

#include "lib/json-write.h"

#include <stdio.h>
#include <string.h>

#define API_VERSION "whereabouts.cni.cncf.io/v1alpha1"

/* --- new ones --------------------------------------------------------------------- */

static int finish(struct json_writer *w, char **ret, struct error *err)
{
	size_t len;

	return json_write_finish(w, ret, &len, err);
}

static void begin_object(struct json_writer *w, const char *kind,
			 const char *name)
{
	json_write_object(w, NULL);
	json_write_string(w, "apiVersion", API_VERSION);
	json_write_string(w, "kind", kind);
	json_write_object(w, "metadata");
	json_write_string(w, "name", name);
	json_write_end(w);
	json_write_object(w, "spec");
}

int whereabouts_pool_write(const char *name, const char *range, char **ret,
			   struct error *err)
{
	struct json_writer w = { 0 };

	begin_object(&w, "IPPool", name);
	json_write_string(&w, "range", range);
	/* A test inside of it needs it to be there. */
	json_write_object(&w, "allocations");
	json_write_end(&w);
	json_write_end(&w);
	json_write_end(&w);
	return finish(&w, ret, err);
}

int whereabouts_overlap_write(const char *name,
			      const struct whereabouts_holder *holder,
			      char **ret, struct error *err)
{
	struct json_writer w = { 0 };

	begin_object(&w, "OverlappingRangeIPReservation", name);
	json_write_string(&w, "podref", holder->podref);
	json_write_string(&w, "ifname", holder->ifname ? holder->ifname : "");
	json_write_string(&w, "containerid", holder->id);
	json_write_end(&w);
	json_write_end(&w);
	return finish(&w, ret, err);
}

/* --- patches ---------------------------------------------------------------------- */

#define POINTER (sizeof("/spec/allocations//podref") + WHEREABOUTS_KEY)

/* A key has no character that a pointer escapes: it is read as a number, or it
 * is not patched. */
static const char *pointer(const char *key, const char *member,
			   char ret[static POINTER])
{
	snprintf(ret, POINTER, "/spec/allocations/%.*s%s%s",
		 WHEREABOUTS_KEY - 1, key, *member ? "/" : "", member);
	return ret;
}

static void begin_step(struct json_writer *w, const char *op, const char *path)
{
	json_write_object(w, NULL);
	json_write_string(w, "op", op);
	json_write_string(w, "path", path);
}

static void step(struct json_writer *w, const char *op, const char *path,
		 const char *value)
{
	begin_step(w, op, path);
	json_write_string(w, "value", value);
	json_write_end(w);
}

static void test_holder(struct json_writer *w, const char *key,
			const struct whereabouts_holder *holder)
{
	char path[POINTER];

	step(w, "test", pointer(key, "id", path), holder->id);
	if (holder->podref)
		step(w, "test", pointer(key, "podref", path), holder->podref);
	if (whereabouts_has_ifname(holder))
		step(w, "test", pointer(key, "ifname", path), holder->ifname);
}

static void untrack(struct json_writer *w)
{
	begin_step(w, "replace", "/metadata/managedFields");
	json_write_array(w, "value");
	json_write_object(w, NULL);
	json_write_end(w);
	json_write_end(w);
	json_write_end(w);
}

int whereabouts_pool_untrack(char **ret, struct error *err)
{
	struct json_writer w = { 0 };

	json_write_array(&w, NULL);
	untrack(&w);
	json_write_end(&w);
	return finish(&w, ret, err);
}

int whereabouts_pool_claim(const struct whereabouts_pool *seen,
			   const char *range, const char *key,
			   const struct whereabouts_holder *holder, char **ret,
			   struct error *err)
{
	struct json_writer w = { 0 };
	char path[POINTER];

	pointer(key, "", path);
	json_write_array(&w, NULL);
	step(&w, "test", "/spec/range", range);
	step(&w, "test", path, NULL); /* it is absent */
	begin_step(&w, "add", path);
	json_write_object(&w, "value");
	json_write_string(&w, "id", holder->id);
	json_write_string(&w, "podref", holder->podref);
	if (whereabouts_has_ifname(holder))
		json_write_string(&w, "ifname", holder->ifname);
	json_write_end(&w);
	json_write_end(&w);
	if (seen && seen->is_tracked)
		untrack(&w);
	json_write_end(&w);
	return finish(&w, ret, err);
}

int whereabouts_pool_unchanged(const char *version, const char *patch,
			       char **ret, struct error *err)
{
	const size_t end = strlen("]\n");
	struct json_writer w = { 0 };

	json_write_array(&w, NULL);
	step(&w, "test", "/metadata/resourceVersion", version);
	json_write_raw(&w, NULL, patch + 1, strlen(patch) - 1 - end);
	json_write_end(&w);
	return finish(&w, ret, err);
}

int whereabouts_pool_adopt(const struct whereabouts_allocation *have,
			   const char *id, char **ret, struct error *err)
{
	struct json_writer w = { 0 };
	char path[POINTER];

	json_write_array(&w, NULL);
	test_holder(&w, have->key, &have->holder);
	step(&w, "replace", pointer(have->key, "id", path), id);
	json_write_end(&w);
	return finish(&w, ret, err);
}

int whereabouts_pool_release(const char *key,
			     const struct whereabouts_holder *holder,
			     char **ret, struct error *err)
{
	struct json_writer w = { 0 };
	char path[POINTER];

	json_write_array(&w, NULL);
	test_holder(&w, key, holder);
	begin_step(&w, "remove", pointer(key, "", path));
	json_write_end(&w);
	json_write_end(&w);
	return finish(&w, ret, err);
}
