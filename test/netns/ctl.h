#ifndef TEST_NETNS_CTL_H
#define TEST_NETNS_CTL_H

/*
 * shimctl as a person runs it, on the first of the seed's nodes (seed.h). Its
 * configuration is a file.
 */

#include "test/netns/seed.h"

#define CTL_CONFIG "/run/storage.conf"

/* The seed's nodes with IPv4 addresses, and a shim called lhnet1-host. */
extern const char ctl_config[];

/** ctl_open() - seed_open(), and ctl_config in CTL_CONFIG */
void ctl_open(void);

/** ctl_write() - Another configuration */
void ctl_write(const char *config);

/**
 * ctl_run() - Run it
 * @args:	As a shell takes them; $C stands for "-c CTL_CONFIG"
 * @ret_out:	stdout, made comparable; yours. NULL: not wanted
 * @ret_err:	stderr, likewise
 *
 * MACs become "MAC", and the time that "up" took "T s".
 *
 * Return: the exit status
 */
int ctl_run(const char *args, char **ret_out, char **ret_err);

/** ctl_prints() - It exits with @status, says nothing on stderr, and @out */
void ctl_prints(const char *args, int status, const char *out);

/**
 * ctl_measures() - The same for what is measured
 *
 * What was measured becomes "N", with the blanks before it one: numbers with
 * decimals, and in JSON the values of the keys that ctl.c lists.
 */
void ctl_measures(const char *args, int status, const char *out);

/** ctl_fails() - It exits with @status, and stderr is the one line @text */
void ctl_fails(const char *args, int status, const char *text);

#endif
