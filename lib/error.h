#ifndef LIB_ERROR_H
#define LIB_ERROR_H

/*
 * The one error value. It has the shape that CNI gives an error (code, msg,
 * details), is copied by assignment and owns nothing.
 *
 * Functions that can fail take a struct error * as their last argument, never
 * NULL, and answer by sign:
 *
 *	 0	done, err untouched
 *	>0	an outcome named in the function's header, err untouched
 *	<0	failed, err filled; callers add context or not, and return it,
 *		and never compare the number
 */

#include "lib/cleanup.h"

#include <stdbool.h>

/* CNI specification 1.1.0, "Error", and our own from 100 (README, "Errors"). */
enum error_code {
	ERROR_NONE = 0,
	ERROR_VERSION = 1, /* incompatible CNI version */
	ERROR_UNSUPPORTED = 2, /* known key, value we do not support */
	ERROR_CONTAINER_UNKNOWN = 3, /* container unknown or gone */
	ERROR_ENVIRONMENT = 4, /* bad or missing environment variable */
	ERROR_IO = 5, /* reading, writing, state directory */
	ERROR_DECODE = 6, /* not JSON, or not what it should be */
	ERROR_CONFIG = 7, /* invalid network configuration */
	ERROR_NETNS = 8, /* no network namespace, or our own */
	ERROR_AGAIN = 11, /* try again later */
	ERROR_NOT_AVAILABLE = 50, /* STATUS: ADD cannot be served */
	ERROR_LIMITED = 51, /* STATUS: and running pods may suffer */
	ERROR_POOL_EXHAUSTED = 100, /* no address left */
	ERROR_ADDRESS_TAKEN = 101, /* requested address is somebody's */
	ERROR_ADDRESS_INVALID = 102, /* requested address not allocatable */
	ERROR_IFNAME_EXISTS = 103, /* the interface name exists */
	ERROR_LINK = 104, /* the kernel refused the pod's link */
	ERROR_SHIM = 105, /* host shim */
	ERROR_OVERLAY = 106, /* overlay */
	ERROR_DELEGATE = 107, /* delegate failed without a CNI error */
	ERROR_STORE = 108, /* store inconsistent */
	ERROR_INTERNAL = 999, /* a bug, or memory is gone */
};

struct error {
	unsigned int code; /* an enum error_code, or a delegate's own */
	int sys; /* errno behind it, 0 if none */
	bool is_foreign; /* another plugin's own words: see error_foreign() */
	char msg[384]; /* the class in words, always the same words */
	char details[896]; /* outermost context first */
};

/**
 * error_set() - Raise an error where it is known
 * @err:	Filled; what was there before is replaced
 * @code:	Class
 * @sys:	errno behind it, 0 if none; its text is appended to details
 * @fmt:	What failed, where, and what to do, without a trailing full stop
 *
 * Return: -@sys, or -EINVAL if @sys is 0
 */
int error_set(struct error *err, enum error_code code, int sys, const char *fmt,
	      ...) printf_like(4, 5);

/**
 * error_context() - Prepend one clause to the details: "<clause>: <details>"
 *
 * Return: the negative value that error_set() returned for @err
 */
int error_context(struct error *err, const char *fmt, ...) printf_like(2, 3);

/**
 * error_class() - Give an error that was raised lower down another class
 *
 * For layers that know better what a kernel's refusal means. Details and errno
 * stay as they are.
 *
 * Return: the negative value that error_set() returned for @err
 */
int error_class(struct error *err, enum error_code code);

/**
 * error_foreign() - Raise what another plugin said, word for word
 *
 * The runtime is to see it as that plugin said it: error_context() and
 * error_class() leave it alone from then on. Texts are cut to our sizes.
 *
 * Return: as error_set()
 */
int error_foreign(struct error *err, unsigned int code, const char *msg,
		  const char *details);

/**
 * error_keep_first() - Collect the errors of best-effort steps
 * @first:	Takes over @next if it holds none yet, logs @next otherwise
 * @next:	A later failure; cleared
 */
void error_keep_first(struct error *first, struct error *next);

/**
 * error_collect() - Collect the errors of steps that are reported together
 * @all:	"<first>; <second>; ...", with the class of the first
 * @next:	A later failure; cleared. Logged where it does not fit
 */
void error_collect(struct error *all, struct error *next);

/** error_return() - The negative value that belongs to @err, 0 if it is empty */
int error_return(const struct error *err);

/** error_is_set() - Does @err hold an error? */
bool error_is_set(const struct error *err);

/** error_oom() - Memory is gone: raise it, in the same words everywhere */
int error_oom(struct error *err);

/* The static analyzer sees one file at a time: tell it the sign rule. */
#ifdef __clang_analyzer__
#define error_set(...)     (error_set(__VA_ARGS__), -EINVAL)
#define error_context(...) (error_context(__VA_ARGS__), -EINVAL)
#define error_class(...)   (error_class(__VA_ARGS__), -EINVAL)
#define error_foreign(...) (error_foreign(__VA_ARGS__), -EINVAL)
#define error_oom(...)     (error_oom(__VA_ARGS__), -ENOMEM)
#endif

#endif
