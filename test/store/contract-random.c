/* Calls at random, and processes at once. */

#include "test/store/use.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Random calls against a table of who holds what. */
#define PODS 24

Test(contract, random_calls_agree_with_a_model)
{
	unsigned int seed = (unsigned int)time(NULL);
	unsigned int state = seed;
	char held[PODS][INET_ADDR_TEXT] = { "" };
	bool live[PODS] = { 0 };
	cleanup_use struct use use;
	unsigned int used = 0;

	use_open(&use, "'range': '10.1.2.0/28', 'reuseDelay': 0");
	for (int op = 0; op < 600; op++) {
		unsigned int n = (unsigned int)rand_r(&state) % PODS;
		bool had = held[n][0];
		int r;

		switch (rand_r(&state) % 3) {
		case 0:
			r = use_reserve_n(&use, n);
			if (had)
				cr_assert_eq(r,
					     live[n] ? STORE_LIVE
						     : STORE_PENDING,
					     "seed %u", seed);
			else
				cr_assert_eq(r, used < 14 ? 0 : STORE_EXHAUSTED,
					     "seed %u", seed);
			for (unsigned int i = 0; i < PODS && r == 0; i++)
				cr_assert_str_neq(held[i], use.address,
						  "seed %u", seed);
			if (r == 0)
				memcpy(held[n], use.address, sizeof(held[n]));
			used += r == 0;
			break;
		case 1:
			r = use_release_n(&use, n);
			cr_assert_eq(r, had ? 0 : STORE_ABSENT, "seed %u",
				     seed);
			used -= had;
			held[n][0] = '\0';
			live[n] = false;
			break;
		default:
			r = use_confirm_n(&use, n);
			cr_assert_eq(r, had ? 0 : STORE_ABSENT, "seed %u",
				     seed);
			live[n] = had;
		}
		cr_assert_eq(contract_used(use.store), used, "seed %u", seed);
	}
}

/* Several processes at once: nobody is given what another one holds. */
#define WORKERS 4
#define ROUNDS  60

struct hammer {
	int *holders; /* shared: one counter per address of the /28 */
	unsigned int worker;
	unsigned int seed;
};

static int hammer_mark(const struct hammer *hammer, const char *address,
		       int delta)
{
	struct inet_addr addr;

	if (!inet_addr_parse(address, &addr))
		_exit(2);
	return __atomic_add_fetch(&hammer->holders[addr.bytes[3] & 15], delta,
				  __ATOMIC_SEQ_CST);
}

static void hammer_run(const struct hammer *hammer)
{
	struct use use;
	char held[3][INET_ADDR_TEXT] = { "" };
	unsigned int state = hammer->seed;

	use_open(&use, "'range': '10.1.2.0/28', 'reuseDelay': 0");
	for (int round = 0; round < ROUNDS; round++) {
		unsigned int slot = (unsigned int)rand_r(&state) % 3;
		unsigned int n = hammer->worker * 10 + slot;
		int r;

		if (held[slot][0]) {
			hammer_mark(hammer, held[slot], -1);
			r = use_release_n(&use, n);
			held[slot][0] = '\0';
		} else {
			r = use_reserve_n(&use, n);
			if (r == 0) {
				if (hammer_mark(hammer, use.address, 1) != 1)
					_exit(3);
				memcpy(held[slot], use.address,
				       sizeof(use.address));
				r = use_confirm_n(&use, n);
			}
		}
		if (r != 0)
			_exit(4);
	}
	use_close(&use);
}

Test(contract, processes_at_once_are_never_given_the_same_address)
{
	unsigned int seed = (unsigned int)time(NULL);
	pid_t pids[WORKERS];
	int *holders;

	holders = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(holders, MAP_FAILED);
	fflush(NULL);
	for (unsigned int i = 0; i < WORKERS; i++) {
		const struct hammer hammer = { holders, i, seed + i };

		pids[i] = fork();
		if (pids[i] == 0) {
			hammer_run(&hammer);
			_exit(0);
		}
	}
	for (unsigned int i = 0; i < WORKERS; i++) {
		int status;

		cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
		cr_expect_eq(status, 0, "seed %u: %x", seed, status);
	}
	munmap(holders, 4096);
}
