#include "lib/error.h"

#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef error_set
#undef error_context
#undef error_class
#undef error_foreign
#undef error_oom

static const char *error_msg(enum error_code code)
{
	switch (code) {
	case ERROR_NONE:
		return "no error";
	case ERROR_VERSION:
		return "incompatible CNI version";
	case ERROR_UNSUPPORTED:
		return "unsupported field in network configuration";
	case ERROR_CONTAINER_UNKNOWN:
		return "container unknown or gone";
	case ERROR_ENVIRONMENT:
		return "invalid environment variables";
	case ERROR_IO:
		return "I/O failure";
	case ERROR_DECODE:
		return "failed to decode content";
	case ERROR_CONFIG:
		return "invalid network configuration";
	case ERROR_NETNS:
		return "invalid network namespace";
	case ERROR_AGAIN:
		return "try again later";
	case ERROR_NOT_AVAILABLE:
		return "plugin not available";
	case ERROR_LIMITED:
		return "plugin not available, running pods may be impaired";
	case ERROR_POOL_EXHAUSTED:
		return "address pool exhausted";
	case ERROR_ADDRESS_TAKEN:
		return "requested address is taken";
	case ERROR_ADDRESS_INVALID:
		return "requested address is not allocatable";
	case ERROR_IFNAME_EXISTS:
		return "interface name exists";
	case ERROR_LINK:
		return "kernel refused the link";
	case ERROR_SHIM:
		return "host shim failed";
	case ERROR_OVERLAY:
		return "overlay failed";
	case ERROR_DELEGATE:
		return "delegate plugin failed";
	case ERROR_STORE:
		return "address store inconsistent";
	case ERROR_INTERNAL:
		return "internal error";
	}
	return "unknown error";
}

int error_return(const struct error *err)
{
	if (!error_is_set(err))
		return 0;
	return err->sys > 0 ? -err->sys : -EINVAL;
}

bool error_is_set(const struct error *err)
{
	return err->code != ERROR_NONE;
}

int error_set(struct error *err, enum error_code code, int sys, const char *fmt,
	      ...)
{
	va_list args;
	int used;

	err->code = code;
	err->sys = sys;
	err->is_foreign = false;
	snprintf(err->msg, sizeof(err->msg), "%s", error_msg(code));

	va_start(args, fmt);
	used = vsnprintf(err->details, sizeof(err->details), fmt, args);
	va_end(args);
	if (sys && used >= 0 && (size_t)used < sizeof(err->details))
		snprintf(err->details + used,
			 sizeof(err->details) - (size_t)used, ": %s",
			 strerror(sys));

	return error_return(err);
}

int error_context(struct error *err, const char *fmt, ...)
{
	char clause[sizeof(err->details)];
	char whole[2 * sizeof(err->details) + sizeof(": ")];
	va_list args;

	if (err->is_foreign)
		return error_return(err);
	va_start(args, fmt);
	vsnprintf(clause, sizeof(clause), fmt, args);
	va_end(args);

	/* What does not fit is cut at the end: where comes before what. */
	snprintf(whole, sizeof(whole), "%s: %s", clause, err->details);
	whole[sizeof(err->details) - 1] = '\0';
	memcpy(err->details, whole, sizeof(err->details));

	return error_return(err);
}

int error_class(struct error *err, enum error_code code)
{
	if (err->is_foreign)
		return error_return(err);
	err->code = code;
	snprintf(err->msg, sizeof(err->msg), "%s", error_msg(code));
	return error_return(err);
}

int error_foreign(struct error *err, unsigned int code, const char *msg,
		  const char *details)
{
	*err = (struct error){ .code = code, .is_foreign = true };
	snprintf(err->msg, sizeof(err->msg), "%s", msg);
	snprintf(err->details, sizeof(err->details), "%s", details);
	return error_return(err);
}

void error_keep_first(struct error *first, struct error *next)
{
	if (error_is_set(next)) {
		if (error_is_set(first))
			log_warning("%s", next->details);
		else
			*first = *next;
	}
	*next = (struct error){ 0 };
}

void error_collect(struct error *all, struct error *next)
{
	size_t used = strlen(all->details);
	size_t room = sizeof(all->details) - used;

	if (error_is_set(all) && error_is_set(next) &&
	    strlen(next->details) + 2 < room) {
		snprintf(all->details + used, room, "; %s", next->details);
		*next = (struct error){ 0 };
	}
	error_keep_first(all, next);
}

int error_oom(struct error *err)
{
	return error_set(err, ERROR_INTERNAL, ENOMEM, "allocate memory");
}
