/*
 * What a server sends: a status, lines of a head, an empty line, a body. Whatever
 * it is, there is one of three ends, and words that a terminal can show.
 */
#include "lib/http-priv.h"
#include "lib/json.h"
#include "lib/kube-priv.h"
#include "lib/log.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

/* Return: where the body begins. */
static const char *read_head(const char *p, const char *end,
			     struct http_answer *answer)
{
	while (p < end) {
		const char *next = memchr(p, '\n', (size_t)(end - p));
		size_t len = next ? (size_t)(next + 1 - p) : (size_t)(end - p);

		if (*p == '\n')
			return p + 1;
		http_read_header(answer, p, len);
		p += len;
	}
	return end;
}

static void check(int r, const struct kube_answer *answer)
{
	assert(r == 0 || r == KUBE_UNKNOWN || r == KUBE_AWAY);
	assert(memchr(answer->reason, '\0', sizeof(answer->reason)));
	assert(memchr(answer->message, '\0', sizeof(answer->message)));
	for (const char *p = answer->message; *p; p++)
		assert(!iscntrl((unsigned char)*p));
	for (const char *p = answer->reason; *p; p++)
		assert(!iscntrl((unsigned char)*p));
	assert(r == 0 || *answer->message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	cleanup_kube_answer struct kube_answer ret = { 0 };
	struct http_answer answer = { 0 };
	const char *body;
	int r;

	log_init("fuzz-answer", LOG_LEVEL_QUIET);
	if (size < 1)
		return 0;
	answer.status = 100 + data[0] * 2; /* 2xx to 5xx are of interest */
	body = read_head(text + 1, text + size, &answer);
	assert(answer.date >= 0 && answer.retry_after_s <= 3600);

	answer.len = (size_t)(text + size - body);
	answer.body = malloc(answer.len + 1);
	assert(answer.body);
	memcpy(answer.body, body, answer.len);
	answer.body[answer.len] = '\0';
	r = kube_answer_read(&answer, &ret);
	check(r, &ret);
	assert(r != 0 || answer.status >= 400 || ret.document);
	http_answer_clear(&answer);
	return 0;
}
