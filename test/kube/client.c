/*
 * kube-client KUBECONFIG - send the requests on stdin, one connection for all
 *
 * A line is "METHOD PATH [BODY]", "deadline MS", or "timeout MS" and "max BYTES"
 * for the requests behind it. Each request has a line of output as soon as it is
 * done: outcome, status, milliseconds, number of bytes of its document's
 * metadata.name, reason and message. With "cluster" instead of a file, a pod's
 * service account.
 */
#include "lib/file.h"
#include "lib/json.h"
#include "lib/kube.h"
#include "lib/log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *outcome(int r)
{
	switch (r) {
	case 0:
		return "decided";
	case KUBE_UNKNOWN:
		return "unknown";
	case KUBE_AWAY:
		return "away";
	default:
		return "error";
	}
}

static const char *kind(const struct kube_answer *answer)
{
	static const char none[] = "-";
	struct json_at root, at;

	if (!answer->document)
		return none;
	root = json_root(answer->document);
	return json_member(&root, "kind", &at) && json_text(&at)
		       ? json_text(&at)
		       : none;
}

static void request(struct kube *kube, struct kube_request *request)
{
	cleanup_kube_answer struct kube_answer answer = { 0 };
	struct error err = { 0 };
	uint64_t begin = file_boottime_ms();
	int r;

	r = kube_call(kube, request, &answer, &err);
	printf("%s %d %s %ju date=%d reason=%s %s%s\n", outcome(r),
	       answer.status, kind(&answer),
	       (uintmax_t)(file_boottime_ms() - begin), answer.date != 0,
	       answer.reason, answer.message, err.details);
	fflush(stdout);
}

static void obey(struct kube *kube, struct kube_request *settings, char *line)
{
	char *word = strsep(&line, " ");
	char *value = strsep(&line, " ");
	unsigned long number = value ? strtoul(value, NULL, 10) : 0;

	if (!value) {
		printf("error: %s\n", word);
	} else if (strcmp(word, "deadline") == 0) {
		kube_set_deadline(kube, file_boottime_ms() + number);
	} else if (strcmp(word, "timeout") == 0) {
		settings->timeout_ms = (unsigned int)number;
	} else if (strcmp(word, "max") == 0) {
		settings->answer_max = number;
	} else {
		settings->method = word;
		settings->path = value;
		settings->body = line;
		request(kube, settings);
	}
}

int main(int argc, char *argv[])
{
	cleanup_kube struct kube *kube = NULL;
	struct kube_request settings = { 0 };
	struct error err = { 0 };
	char line[8192];
	int r;

	if (argc != 2)
		return 2;
	log_init("kube-client", LOG_LEVEL_WARNING);
	signal(SIGPIPE, SIG_IGN);
	r = strcmp(argv[1], "cluster") == 0 ? kube_open_in_cluster(&kube, &err)
					    : kube_open(argv[1], &kube, &err);
	if (r < 0) {
		printf("error %u %s\n", err.code, err.details);
		return 1;
	}
	printf("open %s node=%s\n", kube_server(kube),
	       kube_node_claim(kube) ? kube_node_claim(kube) : "");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(kube, &settings, line);
	}
	return 0;
}
