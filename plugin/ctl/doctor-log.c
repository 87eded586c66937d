#include "plugin/ctl/doctor-log.h"

#include <string.h>

/* The words are the C library's: Talos has musl's. EHOSTUNREACH is "No route to
 * host" in one and "Host is unreachable" in the other. */
static const struct {
	const char *words;
	enum doctor_log_reason reason;
} log_reasons[] = {
	{ "No route to host", DOCTOR_LOG_UNREACHABLE },
	{ "Host is unreachable", DOCTOR_LOG_UNREACHABLE },
	{ "Network is unreachable", DOCTOR_LOG_NO_ROUTE },
	{ "Network unreachable", DOCTOR_LOG_NO_ROUTE },
	{ "Connection refused", DOCTOR_LOG_REFUSED },
	{ "timed out", DOCTOR_LOG_TIMEOUT },
};

void doctor_log_clear(struct doctor_log *log)
{
	free(log->items);
	*log = (struct doctor_log){ 0 };
}

/* --- one line ------------------------------------------------------------------------ */

/* "ADDRESS" in the first @len bytes, or "ADDRESS:PORT", "[ADDRESS]:PORT". */
static bool log_address(const char *text, size_t len, struct inet_addr *ret)
{
	char buf[64];
	char *colon;

	if (len && *text == '[') {
		text++;
		len = strcspn(text, "]");
	}
	if (len >= sizeof(buf))
		return false;
	memcpy(buf, text, len);
	buf[len] = '\0';
	if (inet_addr_parse(buf, ret))
		return true;
	colon = strrchr(buf, ':');
	if (!colon)
		return false;
	*colon = '\0';
	return inet_addr_parse(buf, ret);
}

static void log_reason(const char *text, struct doctor_log_line *ret)
{
	size_t len = strcspn(text, ")\\\"\r\n");

	while (len && text[len - 1] == ' ')
		len--;
	if (len >= sizeof(ret->words))
		len = sizeof(ret->words) - 1;
	memcpy(ret->words, text, len);
	ret->words[len] = '\0';
	ret->reason = DOCTOR_LOG_OTHER;
	for (size_t i = 0; i < ARRAY_SIZE(log_reasons); i++)
		if (strstr(ret->words, log_reasons[i].words))
			ret->reason = log_reasons[i].reason;
}

static const struct {
	const char *before; /* the address */
	const char *between; /* address and reason */
} log_forms[] = {
	{ "cannot make connection to ", ": " },
	{ "connect to ", " failed (" },
};

static int log_add(struct doctor_log *log, const struct doctor_log_line *line,
		   struct error *err)
{
	struct doctor_log_line *grown;

	for (size_t i = 0; i < log->count; i++) {
		struct doctor_log_line *old = &log->items[i];

		if (old->reason != line->reason ||
		    !inet_addr_equal(&old->addr, &line->addr))
			continue;
		old->count++;
		return 0;
	}
	grown = reallocarray(log->items, log->count + 1, sizeof(*grown));
	if (!grown)
		return error_oom(err);
	log->items = grown;
	grown[log->count] = *line;
	grown[log->count++].count = 1;
	return 0;
}

/* Longhorn puts several of iscsiadm's lines into one of its own. */
static int log_take_form(struct doctor_log *log, const char *line, size_t form,
			 struct error *err)
{
	const char *before = log_forms[form].before;
	int r = 0;

	while (r == 0 && (line = strstr(line, before))) {
		struct doctor_log_line found = { 0 };
		const char *between;

		line += strlen(before);
		between = strstr(line, log_forms[form].between);
		if (!between ||
		    !log_address(line, (size_t)(between - line), &found.addr))
			continue;
		log_reason(between + strlen(log_forms[form].between), &found);
		r = log_add(log, &found, err);
	}
	return r;
}

int doctor_log_take(struct doctor_log *log, const char *line, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(log_forms) && r == 0; i++)
		r = log_take_form(log, line, i, err);
	return r;
}

/* --- all of them ---------------------------------------------------------------------- */

int doctor_log_read(FILE *file, struct doctor_log *ret, struct error *err)
{
	cleanup_free char *line = NULL;
	size_t size = 0;
	int r = 0;

	while (r == 0 && getline(&line, &size, file) > 0) {
		ret->n_lines++;
		r = doctor_log_take(ret, line, err);
	}
	if (r == 0 && ferror(file))
		return error_set(err, ERROR_IO, errno, "read the log");
	return r;
}
