#include "test/netns/crash.h"
#include "test/support/ns.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * SIGKILL at every system call of an ADD whose addresses the reference host-local
 * gives, and then what a runtime does next: DEL, or ADDs. host-local's files say
 * what it thinks is taken; that must be what the pods bear, no more and no less.
 *
 * What host-local itself leaves when it is struck between making a file and
 * writing it is an empty file, which belongs to nobody for ever; such files are
 * counted apart.
 */

TestSuite(kill_delegate, .init = seed_open, .fini = seed_close, .timeout = 600);

#define GIVEN "/run/given/storage"

static const char config[] = "{ " SEED_OVERLAY ", \"ipam\": { "
			     "\"type\": \"host-local\", "
			     "\"dataDir\": \"/run/given\", "
			     "\"subnet\": \"10.100.1.0/24\", "
			     "\"rangeStart\": \"10.100.1.16\", "
			     "\"rangeEnd\": \"10.100.1.99\" } }";

/* The Go program makes many calls before it does anything; sanitized builds of
 * ours do as well. */
static unsigned int stride(bool children)
{
	const char *sanitize = getenv("HOSTSHIM_SANITIZE");

	if (children)
		return 5;
	return sanitize && *sanitize ? 5 : 1;
}

/* --- what host-local thinks ---------------------------------------------------- */

static bool read_holder(const char *name, char ret[static 64])
{
	char path[128];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), GIVEN "/%s", name);
	file = fopen(path, "re");
	cr_assert(file, "%s", path);
	len = fread(ret, 1, 63, file);
	fclose(file);
	ret[len] = '\0';
	return len > 0;
}

/* "cN CR LF net1" */
static void compare_holder(struct crash *crash, const char *name,
			   const char *holder)
{
	for (size_t pod = 0; pod < crash->n_pods; pod++) {
		struct netlink_addrs addrs = { 0 };
		size_t len = strlen(crash->pods[pod].id);
		char text[INET_ADDR_TEXT] = "";

		if (strncmp(holder, crash->pods[pod].id, len) != 0 ||
		    holder[len] != '\r')
			continue;
		crash_addresses(crash, pod, &addrs);
		if (addrs.count > 0)
			inet_addr_format(&addrs.items[0].address.addr, text);
		if (addrs.count != 1 || strcmp(text, name) != 0)
			crash_leak(crash, "%s is held for c%zu, which has %s",
				   name, pod, text);
		netlink_addrs_clear(&addrs);
		return;
	}
	crash_leak(crash, "%s is held by nobody we know", name);
}

/* Each file is an address that its pod bears; as many as there are pods. */
static void expect_held(struct crash *crash, size_t wanted, unsigned int *empty)
{
	DIR *dir = opendir(GIVEN);
	const struct dirent *entry;
	size_t held = 0;

	while (dir && (entry = readdir(dir))) {
		char holder[64];

		if (strncmp(entry->d_name, "10.", 3) != 0)
			continue;
		if (!read_holder(entry->d_name, holder)) {
			(*empty)++;
			continue;
		}
		compare_holder(crash, entry->d_name, holder);
		held++;
	}
	if (dir)
		closedir(dir);
	if (held != wanted)
		crash_leak(crash, "%zu addresses are held, not %zu", held,
			   wanted);
}

/* --- one strike ----------------------------------------------------------------- */

struct strike {
	struct crash crash;
	bool children; /* it strikes host-local, not us */
	unsigned int empty;
};

static bool kill_at(struct strike *strike, unsigned int nth)
{
	const struct kill_plan plan = { .nth = nth,
					.children = strike->children };
	const struct cni_call call = crash_call(&strike->crash, "ADD", 0);
	cleanup_kill_answer struct kill_answer answer = { 0 };

	cni_kill(&call, &plan, &answer);
	if (answer.struck)
		strike->crash.injections++;
	return answer.struck;
}

/* The delegate lost the answer that the killed one got, or the interface is
 * there: the runtime sends DEL, and begins anew. */
static void add_again(struct crash *crash)
{
	if (crash_run(crash, "ADD", 0) == 0)
		return;
	crash_must(crash, "DEL", 0);
	crash_must(crash, "ADD", 0);
}

static void begin(void)
{
	ns_do(-1, "rm -rf /run/given");
}

static bool kill_then_add(struct strike *strike, unsigned int nth)
{
	struct crash *crash = &strike->crash;
	bool killed;

	begin();
	killed = kill_at(strike, nth);
	crash_must(crash, "ADD", 1);
	crash_expect_disjoint(crash);
	add_again(crash);
	crash_expect_disjoint(crash);
	crash_expect_attached(crash, 0);
	crash_expect_attached(crash, 1);
	expect_held(crash, 2, &strike->empty);
	crash_must(crash, "DEL", 1);
	crash_must(crash, "DEL", 0);
	crash_expect_detached(crash, 0);
	crash_expect_detached(crash, 1);
	expect_held(crash, 0, &(unsigned int){ 0 });
	return killed;
}

static void kill_then_del(struct strike *strike, unsigned int nth)
{
	struct crash *crash = &strike->crash;

	begin();
	kill_at(strike, nth);
	crash_must(crash, "DEL", 0);
	crash_expect_detached(crash, 0);
	expect_held(crash, 0, &(unsigned int){ 0 });
}

static void kill_everywhere(const char *name, bool children)
{
	const char *tools = getenv("HOSTSHIM_TOOLS");
	struct strike strike = { .children = children };
	unsigned int nth = 1;

	if (!tools)
		cr_skip_test("HOSTSHIM_TOOLS is not set: scripts/tools");
	crash_open(&strike.crash, name, config, 2);
	strike.crash.path = tools;
	crash_must(&strike.crash, "ADD", 0);
	crash_must(&strike.crash, "DEL", 0);
	while (kill_then_add(&strike, nth)) {
		kill_then_del(&strike, nth);
		nth += stride(children);
	}
	printf("%u empty files of host-local's own\n", strike.empty);
	crash_report(&strike.crash);
	crash_close(&strike.crash);
}

Test(kill_delegate, an_ADD_with_host_local)
{
	kill_everywhere("ADD with host-local", false);
}

/* Whatever it dies of, it is called with DEL, and the ADD fails. */
Test(kill_delegate, the_delegate_of_an_ADD)
{
	kill_everywhere("host-local in an ADD", true);
}
