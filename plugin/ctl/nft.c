#include "plugin/ctl/nft.h"

#include "lib/cleanup.h"
#include "lib/file.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define NFT_MAX (32 * 1024 * 1024)

static const char *const nft_paths[] = {
	"/usr/sbin/nft",
	"/sbin/nft",
	"/usr/bin/nft",
	"/usr/local/sbin/nft",
};

const char *nft_path(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(nft_paths); i++)
		if (access(nft_paths[i], X_OK) == 0)
			return nft_paths[i];
	return NULL;
}

/* It writes to none of them; posix_spawn() has no const. */
static void nft_words(const char *const *words,
		      char *argv[static NFT_WORDS + 4])
{
	static char nft[] = "nft", json[] = "-j", list[] = "list";
	size_t n = 3;

	argv[0] = nft;
	argv[1] = json;
	argv[2] = list;
	for (; *words; words++) {
		assert(n < NFT_WORDS + 3);
		argv[n++] = (char *)(uintptr_t)*words;
	}
	argv[n] = NULL;
}

static int nft_spawn(const char *path, const char *const *words, int out,
		     pid_t *ret)
{
	char *argv[NFT_WORDS + 4];
	char *const env[] = { NULL };
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return r;
	nft_words(words, argv);
	r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO,
						     "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
						     "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn(ret, path, &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* What it says until its end, or the deadline. Return: false if not in time */
static bool nft_hear(int fd, uint64_t deadline, FILE *out)
{
	size_t total = 0;
	char buf[65536];

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		uint64_t now = file_boottime_ms();
		ssize_t n;

		if (now >= deadline || total > NFT_MAX ||
		    poll(&poll_fd, 1, (int)(deadline - now)) <= 0)
			return false;
		n = read(fd, buf, sizeof(buf));
		if (n < 0)
			return false;
		if (n == 0)
			return true;
		total += (size_t)n;
		fwrite(buf, 1, (size_t)n, out);
	}
}

/* Return: NULL, or why what was heard is not all */
static const char *nft_end(pid_t pid, bool in_time)
{
	int status;

	if (!in_time)
		kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) < 0 || !in_time)
		return "nft did not end in time";
	return status == 0 ? NULL : "nft failed";
}

static const char *nft_run(const char *path, const char *const *words,
			   uint64_t deadline, char **ret, size_t *ret_len)
{
	cleanup_close int reader = -1;
	int pipes[2];
	bool in_time;
	FILE *out;
	pid_t pid;
	int r;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return "there is no pipe for nft";
	reader = pipes[0];
	r = nft_spawn(path, words, pipes[1], &pid);
	close(pipes[1]);
	if (r != 0)
		return "nft cannot be started";
	out = open_memstream(ret, ret_len);
	in_time = out && nft_hear(reader, deadline, out);
	if (out)
		fclose(out);
	return nft_end(pid, in_time);
}

const char *nft_list(const char *path, const char *const *words,
		     uint64_t deadline, struct json **ret)
{
	cleanup_free char *text = NULL;
	struct error ignored = { 0 };
	size_t len = 0;
	const char *why = nft_run(path, words, deadline, &text, &len);

	*ret = NULL;
	if (why || len == 0)
		return why;
	if (json_parse(text, len, ret, &ignored) < 0)
		return "nft said what is no JSON";
	return NULL;
}
