#ifndef TEST_STORE_USE_H
#define TEST_STORE_USE_H

/*
 * A store on one configuration, for the cases of the contract (contract*.c).
 */

#include "test/store/contract.h"

struct use {
	struct ipam_config config;
	struct store *store;
	struct error err;
	char address[INET_ADDR_TEXT]; /* what the last reservation was given */
};

void use_open(struct use *use, const char *members);
void use_close(struct use *use);
#define cleanup_use cleanup(use_close)

/** use_reserve() - What the store answered; so the others, of the n-th container */
int use_reserve(struct use *use, const struct store_attachment *attachment);
int use_reserve_n(struct use *use, unsigned int n);
int use_release_n(struct use *use, unsigned int n);
int use_confirm_n(struct use *use, unsigned int n);

/** use_reserve_requested() - Asks for one address, of the first set */
int use_reserve_requested(struct store *store, const struct ipam_config *config,
			  const struct store_attachment *attachment,
			  const char *requested, struct store_record *ret,
			  struct error *err);

/* Six addresses. */
#define USE_SMALL "'range': '10.1.2.0/29', 'reuseDelay': 0"

#endif
