#ifndef PLUGIN_COMMAND_H
#define PLUGIN_COMMAND_H

/*
 * One invocation of the plugin: request, configuration, verb, answer. The only
 * writer to stdout, and it writes once.
 */

#include "lib/error.h"

/**
 * command_run() - Serve the request in the environment and on stdin
 * @program:	argv[0]: its last part is the name that we were called by
 *
 * Return: the exit status; a failure is one JSON object on stdout and 1
 */
int command_run(const char *program);

/**
 * command_rephrase_del() - Take the phrases out that runtimes swallow
 *
 * containerd's go-cni takes a failed DEL whose text holds "not found" for a
 * success, and it and Multus one with "no such file or directory" (which is
 * ENOENT in words). What must be tried again has to say it otherwise.
 */
void command_rephrase_del(struct error *err);

#endif
