/*
 * What an answer means. It may come from anybody who stands at that address: what
 * is no JSON object has decided nothing, unless it is a refusal.
 */
#include "lib/http.h"
#include "lib/json.h"
#include "lib/kube-priv.h"

#include <ctype.h>
#include <stdio.h>

void kube_answer_clear(struct kube_answer *answer)
{
	json_free(answer->document);
	*answer = (struct kube_answer){ 0 };
}

/* Foreign words, which go to logs and terminals. */
static void answer_copy(char *ret, size_t size, const char *text)
{
	snprintf(ret, size, "%s", text);
	for (char *p = ret; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = ' ';
}

void kube_answer_say(struct kube_answer *ret, const char *message)
{
	answer_copy(ret->message, sizeof(ret->message), message);
}

/* metav1.Status, where the body is one. */
static void answer_read_status(struct kube_answer *ret)
{
	const struct json_at root = json_root(ret->document);
	struct json_at at;

	if (json_member(&root, "reason", &at) && json_text(&at))
		answer_copy(ret->reason, sizeof(ret->reason), json_text(&at));
	if (json_member(&root, "message", &at) && json_text(&at))
		kube_answer_say(ret, json_text(&at));
}

/* Return: false if the body is no JSON object; why is in @ret_why. */
static bool answer_read_body(const struct http_answer *answer,
			     struct kube_answer *ret, struct error *ret_why)
{
	cleanup_json struct json *document = NULL;
	struct json_at root;

	if (json_parse(answer->body ? answer->body : "", answer->len, &document,
		       ret_why) < 0)
		return false;
	root = json_root(document);
	if (json_type(&root) != JSON_TYPE_OBJECT) {
		error_set(ret_why, ERROR_DECODE, 0, "no object");
		return false;
	}
	ret->document = take_ptr(document);
	return true;
}

int kube_answer_read(const struct http_answer *answer, struct kube_answer *ret)
{
	struct error why = { 0 };
	bool is_object = answer_read_body(answer, ret, &why);

	if (answer->status < 300) {
		if (is_object)
			return 0;
		kube_answer_say(ret, why.details);
		return KUBE_UNKNOWN;
	}
	if (is_object)
		answer_read_status(ret);
	if (!*ret->message)
		snprintf(ret->message, sizeof(ret->message),
			 "the server answers %d", answer->status);
	if (answer->status < 400)
		return KUBE_AWAY;
	return answer->status < 500 ? 0 : KUBE_UNKNOWN;
}
