#ifndef TEST_STORE_CONTRACT_H
#define TEST_STORE_CONTRACT_H

/*
 * What every store promises (ipam/store.h), as one set of cases. A program per
 * store links contract*.c and says how to come by an empty one; support.c is for
 * it and for what a store has of its own.
 */

#include "ipam/store.h"

#include <criterion/criterion.h>

struct contract_fixture {
	const char *name;
	void (*init)(void); /* before each case: nothing is reserved */
	void (*fini)(void);
	/* Keys that each "ipam" section needs, as JSON members. */
	const char *(*keys)(void);
	int (*open)(const struct ipam_config *config, struct store **ret,
		    struct error *err);
};

/* Defined by the program of the store. */
extern const struct contract_fixture contract_fixture;

/** contract_config() - Read an "ipam" section, ' for quotes */
void contract_config(struct ipam_config *ret, const char *members);

/** contract_open() - The store on @config; asserts */
struct store *contract_open(const struct ipam_config *config);

/** contract_attachment() - The n-th container of network "net", its net1; the
 * strings belong to the caller's @buf */
struct store_attachment contract_attachment(char buf[static 32],
					    unsigned int n);

/**
 * contract_reserve() - Reserve for @attachment
 * @ret:	First address as text, "" unless the answer is 0
 *
 * Return: what the store answered
 */
int contract_reserve(struct store *store, const struct ipam_config *config,
		     const struct store_attachment *attachment,
		     char ret[static INET_ADDR_TEXT], struct error *err);

/** contract_used() - Addresses of set 0 that are in use */
unsigned int contract_used(struct store *store);

/** contract_in_child() - Run @fn in a process of its own, which is then dead */
void contract_in_child(void (*fn)(void *arg), void *arg);

#endif
