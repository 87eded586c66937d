#ifndef TEST_NETNS_CLUSTER_H
#define TEST_NETNS_CLUSTER_H

/*
 * Several nodes as namespaces, each with its overlay, shim and pods, attached by
 * hostshim as a runtime has it do. "k8s-1" is where the test is. VTEPs are
 * 10.100.100.N, nodes' addresses 10.100.1.N, and node N's pods have
 * 10.100.1.(N * 10 + 10) and the next.
 */

#include "test/netns/faults.h"

#define CLUSTER_NODES 8
#define CLUSTER_PODS  2

/* What is below the overlay. */
enum cluster_underlay {
	CLUSTER_MESH, /* a /31 link of MTU 9000 for each pair, "to-N" */
	CLUSTER_SWITCH, /* one segment, "eth1", MTU 1500 */
};

struct cluster {
	size_t n_nodes;
	size_t n_pods; /* on each */
	int nodes[CLUSTER_NODES]; /* namespaces; the first is the test's own */
	int pods[CLUSTER_NODES][CLUSTER_PODS];
	int wire; /* the switch's namespace */
};

/** cluster_open() - Make it; the pods' containers are "a" and "b" with the
 * node's name: "a-k8s-1" */
void cluster_open(struct cluster *cluster, enum cluster_underlay underlay,
		  size_t nodes, size_t pods);
void cluster_close(struct cluster *cluster);

/** cluster_ctl() - shimctl on a node (from 1); as ctl_run(). $N in @args stands
 * for the options that make it act there */
int cluster_ctl(const struct cluster *cluster, size_t node, const char *args,
		char **ret_out, char **ret_err);

/** cluster_ns() - The namespace of "k8s-2", or of a container by its name */
int cluster_ns(const struct cluster *cluster, const char *name);

/**
 * cluster_finds() - After @inject shimctl on the first node exits with 1, and
 * prints @line
 * @where:	The namespace in which @inject is run, as for cluster_ns()
 *
 * The line is one of the table's (faults.h); its topology is "T1" unless said
 * otherwise.
 */
void cluster_finds(const struct cluster *cluster, const char *where,
		   const char *inject, const char *args, const char *line);

/** cluster_does() - It exits with @status, and prints the line @line */
void cluster_does(const struct cluster *cluster, size_t node, const char *args,
		  int status, const char *line);

#endif
