#ifndef PLUGIN_DELEGATE_H
#define PLUGIN_DELEGATE_H

/*
 * An "ipam.type" that is not ours is a program of that name in CNI_PATH, called
 * with our environment and our stdin, byte for byte (CNI specification 1.1.0,
 * "Section 4: Plugin Delegation").
 */

#include "ipam/ipam.h"
#include "plugin/config.h"
#include "plugin/request.h"

/** delegate_is_wanted() - There is an "ipam.type", and it is not ours */
bool delegate_is_wanted(const struct config *config);

/**
 * delegate_call() - Let it do DEL, CHECK, GC or STATUS
 * @verb:	Also after an ADD of ours: CNI_COMMAND is set to it
 *
 * Return: 0, or negative: with the delegate's own code and texts if it gave any,
 * word for word, else ERROR_DELEGATE; ERROR_ENVIRONMENT without CNI_PATH
 */
int delegate_call(const struct request *request, const struct config *config,
		  enum request_verb verb, struct error *err);

/**
 * delegate_add() - Let it do ADD
 *
 * Called only once the interface exists under its final name (a DHCP client
 * talks through it). If it fails, in whatever way, it is owed a DEL.
 *
 * Return: as delegate_call(), and ERROR_DELEGATE for a result without address
 */
int delegate_add(const struct request *request, const struct config *config,
		 struct ipam_result *ret, struct error *err);

#endif
