#ifndef TEST_NETNS_SEED_H
#define TEST_NETNS_SEED_H

/*
 * Two nodes with the seed's overlay, seen from outside: hostshim is run as a
 * runtime runs it. The test is node "k8s-1"; the underlay is a veth to the
 * second node, VTEPs are 10.100.100.1 and .2, the nodes' addresses 10.100.1.1
 * and .2, and each node gives pods its own part of the subnet.
 */

#include "test/support/cni.h"

extern int seed_other; /* the second node's namespace */
extern int seed_pod; /* a pod's, on the first */

#define SEED_OVERLAY                                                           \
	"\"cniVersion\": \"1.1.0\", \"name\": \"storage\", "                   \
	"\"type\": \"hostshim\", \"master\": \"vxlan-storage\", "              \
	"\"vxlan\": { \"id\": 100 }, "                                         \
	"\"nodes\": { "                                                        \
	"\"k8s-1\": { \"vtep\": \"10.100.100.1\", "                            \
	"\"address\": [\"10.100.1.1/24\", \"fd10::1/64\"] }, "                 \
	"\"k8s-2\": { \"vtep\": \"10.100.100.2\", "                            \
	"\"address\": [\"10.100.1.2/24\", \"fd10::2/64\"] } }"

#define SEED_IPAM                                                              \
	"\"ipam\": { \"type\": \"hostshim\", \"range\": \"10.100.1.0/24\", "   \
	"\"range_start\": \"10.100.1.16\", \"range_end\": \"10.100.1.99\" }"

extern const char seed_config[]; /* first node */
extern const char seed_config2[]; /* second node, with a state of its own */

/** seed_open() / seed_close() - For .init and .fini */
void seed_open(void);
void seed_close(void);

/** seed_call() - A call on the first node, for container "c1" in seed_pod */
struct cni_call seed_call(const char *verb, const char *config);

/** seed_must() - It succeeds; stops the test otherwise */
void seed_must(const struct cni_call *call, struct cni_answer *ret);

/** seed_do() - The same for seed_call(), without interest in the answer */
void seed_do(const char *verb, const char *config);

/** seed_add() - An ADD that succeeds; its first address without prefix length */
#define SEED_ADDRESS 64
void seed_add(const struct cni_call *call, char ret[static SEED_ADDRESS]);

/** seed_fails() - It fails with @code, and its answer contains @text */
void seed_fails(const struct cni_call *call, int code, const char *text);

/** seed_says() - The answer has @value at @path */
void seed_says(const struct cni_answer *answer, const char *path,
	       const char *value);

/** seed_has() / seed_has_not() - Does a command's output contain @text? */
void seed_has(int ns, const char *text, const char *command);
void seed_has_not(int ns, const char *text, const char *command);

#endif
