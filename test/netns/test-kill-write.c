#include "test/netns/crash.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

/*
 * The disk is full, or fails, at each call that writes to the store, of whole
 * ADDs and DELs. The call says so, an ADD leaves nothing, and the next try on a
 * disk that works again succeeds. What is not needed for the call (housekeeping,
 * the mark by which a lost table is noticed) may fail without failing it: then
 * all the rest is there, as if nothing had been.
 */

TestSuite(kill_write, .init = seed_open, .fini = seed_close, .timeout = 120);

#define STORE "/run/store"

static const char config[] = "{ " SEED_OVERLAY
			     ", \"ipam\": { \"type\": \"hostshim\", "
			     "\"reuseDelay\": 0, \"stateDir\": \"" STORE
			     "/state\", "
			     "\"dataDir\": \"" STORE "/data\", \"ipRanges\": [ "
			     "{ \"range\": \"10.100.1.16-10.100.1.99/24\" }, "
			     "{ \"range\": \"fd10::100-fd10::1ff/64\" } ] } }";

struct fault {
	const char *name;
	const char *verb;
	int error;
	bool fresh; /* no store is there yet */
};

/* It went on without what failed. */
static void judge_success(struct crash *crash, const struct fault *fault)
{
	if (strcmp(fault->verb, "ADD") != 0) {
		crash_expect_detached(crash, 0);
		return;
	}
	crash_expect_attached(crash, 0);
	crash_must(crash, "DEL", 0);
}

static void judge(struct crash *crash, const struct fault *fault,
		  const struct kill_answer *answer)
{
	struct cni_answer said = { .status = answer->status,
				   .out = answer->out };
	int code;

	if (answer->status < 0) {
		crash_leak(crash, "call %ld: exit %d: %s", answer->number,
			   answer->status, answer->err);
		return;
	}
	if (answer->status == 0) {
		judge_success(crash, fault);
		return;
	}
	crash->refused++;
	code = cni_code(&said);
	if (code != ERROR_IO && code != ERROR_STORE)
		crash_leak(crash, "call %ld: %s", answer->number, answer->out);
	if (strcmp(fault->verb, "ADD") == 0)
		crash_expect_detached(crash, 0);
}

static bool fail_at(struct crash *crash, const struct fault *fault,
		    unsigned int nth)
{
	const struct kill_plan plan = { .nth = nth,
					.error = fault->error,
					.below = STORE };
	const struct cni_call call = crash_call(crash, fault->verb, 0);
	cleanup_kill_answer struct kill_answer answer = { 0 };

	if (fault->fresh)
		ns_do(-1, "rm -rf " STORE "; mkdir -p " STORE);
	cni_kill(&call, &plan, &answer);
	if (!answer.struck)
		return false;
	crash->injections++;
	judge(crash, fault, &answer);
	return true;
}

static void fail_everywhere(const struct fault *fault)
{
	bool is_add = strcmp(fault->verb, "ADD") == 0;
	unsigned int nth = 1;
	bool failed = true;
	struct crash crash;

	if (!kill_can_fail())
		cr_skip_test("calls cannot be made to fail here");
	crash_open(&crash, fault->name, config, 2);
	for (; failed; nth++) {
		if (!is_add)
			crash_must(&crash, "ADD", 0);
		failed = fail_at(&crash, fault, nth);
		if (is_add && failed)
			crash_must(&crash, "ADD", 0);
		if (is_add)
			crash_expect_attached(&crash, 0);
		crash_must(&crash, "ADD", 1);
		crash_expect_disjoint(&crash);
		crash_must(&crash, "DEL", 1);
		crash_must(&crash, "DEL", 0);
		crash_expect_detached(&crash, 0);
	}
	crash_report(&crash);
	cr_expect_gt(crash.refused, 0, "no write of %s mattered", fault->name);
	crash_close(&crash);
}

Test(kill_write, an_ADD_without_room)
{
	fail_everywhere(
		&(const struct fault){ "ADD, ENOSPC", "ADD", ENOSPC, false });
}

Test(kill_write, an_ADD_on_a_broken_disk)
{
	fail_everywhere(&(const struct fault){ "ADD, EIO", "ADD", EIO, false });
}

Test(kill_write, the_first_ADD_without_room)
{
	fail_everywhere(&(const struct fault){ "first ADD, ENOSPC", "ADD",
					       ENOSPC, true });
}

Test(kill_write, the_first_ADD_on_a_broken_disk)
{
	fail_everywhere(
		&(const struct fault){ "first ADD, EIO", "ADD", EIO, true });
}

Test(kill_write, a_DEL_without_room)
{
	fail_everywhere(
		&(const struct fault){ "DEL, ENOSPC", "DEL", ENOSPC, false });
}
