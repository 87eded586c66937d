#include "test/support/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUN_TIMEOUT_MS 30000
#define RUN_ENV_MAX    64

/* One pipe between us and the program. */
struct run_stream {
	int fd; /* ours, -1: none or ended */
	int child; /* the program's end */
	char *text;
	size_t len;
};

struct run {
	const struct run_request *request;
	struct run_stream in, out, err;
	size_t written;
	pid_t pid;
	int pidfd;
	uint64_t start;
};

static void run_die(const char *what)
{
	perror(what);
	abort();
}

static uint64_t run_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* @ours: our end of the pipe, 0 (we read) or 1 (we write). */
static void run_open(struct run_stream *stream, int wanted, int ours)
{
	int fds[2];

	*stream = (struct run_stream){ .fd = -1, .child = wanted };
	if (wanted != RUN_PIPE)
		return;
	if (pipe2(fds, O_CLOEXEC) < 0 ||
	    fcntl(fds[ours], F_SETFL, O_NONBLOCK) < 0)
		run_die("pipe2");
	stream->fd = fds[ours];
	stream->child = fds[!ours];
}

static void run_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void run_environment(const struct run_request *request,
			    const char *ret[static RUN_ENV_MAX])
{
	size_t n = 0;

	for (size_t i = 0; request->env && request->env[i]; i++) {
		if (n == RUN_ENV_MAX - 1)
			abort();
		ret[n++] = request->env[i];
	}
	for (size_t i = 0; environ[i] && n < RUN_ENV_MAX - 1; i++) {
		if (strncmp(environ[i], "ASAN_OPTIONS=", 13) == 0 ||
		    strncmp(environ[i], "LSAN_OPTIONS=", 13) == 0 ||
		    strncmp(environ[i], "UBSAN_OPTIONS=", 14) == 0)
			ret[n++] = environ[i];
	}
	ret[n] = NULL;
}

/* execve() changes none of the strings, though its type does not say so. */
static char *const *run_strings(const char *const *ours)
{
	char *const *its;

	memcpy(&its, &ours, sizeof(its));
	return its;
}

static void run_child(const struct run *run)
{
	const int wanted[] = { run->in.child, run->out.child, run->err.child };
	const char *env[RUN_ENV_MAX];
	const char *const *argv = run->request->argv;

	for (int fd = 0; fd < 3; fd++) {
		if (wanted[fd] < 0)
			close(fd);
		else if (dup2(wanted[fd], fd) < 0)
			_exit(126);
	}
	signal(SIGPIPE, SIG_DFL);
	run_environment(run->request, env);
	execve(argv[0], run_strings(argv), run_strings(env));
	_exit(127);
}

static void run_start(struct run *run)
{
	run->start = run_now();
	run->pid = fork();
	if (run->pid < 0)
		run_die("fork");
	if (run->pid == 0)
		run_child(run);
	run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0);
	if (run->pidfd < 0)
		run_die("pidfd_open");

	if (run->in.fd >= 0)
		run_close(&run->in.child);
	if (run->out.fd >= 0)
		run_close(&run->out.child);
	if (run->err.fd >= 0)
		run_close(&run->err.child);
}

static void run_feed(struct run *run)
{
	const struct run_request *request = run->request;
	const char *text = request->input ? request->input : "";
	size_t len = request->input_len ? request->input_len : strlen(text);
	ssize_t n = 0;

	if (run->written < len)
		n = write(run->in.fd, text + run->written, len - run->written);
	if (n > 0)
		run->written += (size_t)n;
	if (n < 0 && errno == EAGAIN)
		return;
	/* EPIPE: a program may end without having read everything. */
	if (n < 0 || (run->written == len && !request->input_open))
		run_close(&run->in.fd);
}

static void run_drain(struct run_stream *stream)
{
	char buf[4096];
	ssize_t n = read(stream->fd, buf, sizeof(buf));
	char *grown;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		run_close(&stream->fd);
		return;
	}
	grown = realloc(stream->text, stream->len + (size_t)n + 1);
	if (!grown)
		run_die("realloc");
	memcpy(grown + stream->len, buf, (size_t)n);
	stream->text = grown;
	stream->len += (size_t)n;
	stream->text[stream->len] = '\0';
}

static unsigned int run_elapsed(const struct run *run)
{
	return (unsigned int)(run_now() - run->start);
}

/* Negative descriptors are not polled. A stdin that is to stay open and has
 * been fed is left alone. */
static void run_poll(struct run *run, bool exited, unsigned int timeout_ms)
{
	const char *text = run->request->input;
	bool fed = run->request->input_open &&
		   run->written == (text ? strlen(text) : 0);
	struct pollfd fds[] = {
		{ .fd = fed ? -1 : run->in.fd, .events = POLLOUT },
		{ .fd = run->out.fd, .events = POLLIN },
		{ .fd = run->err.fd, .events = POLLIN },
		{ .fd = exited ? -1 : run->pidfd, .events = POLLIN },
	};

	if (poll(fds, 4, (int)timeout_ms) < 0)
		run_die("poll");
	if (fds[0].revents)
		run_feed(run);
	if (fds[1].revents)
		run_drain(&run->out);
	if (fds[2].revents)
		run_drain(&run->err);
}

static void run_reap(struct run *run, struct run_answer *ret, bool *exited)
{
	int status;
	pid_t pid = waitpid(run->pid, &status, WNOHANG);

	if (pid < 0)
		run_die("waitpid");
	if (pid == 0)
		return;
	*exited = true;
	ret->exit_ms = run_elapsed(run);
	ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	ret->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void run_wait(struct run *run, struct run_answer *ret)
{
	unsigned int limit = run->request->timeout_ms;
	bool exited = false;

	if (!limit)
		limit = RUN_TIMEOUT_MS;
	while (!exited || run->out.fd >= 0 || run->err.fd >= 0) {
		if (run_elapsed(run) >= limit) {
			ret->timed_out = true;
			kill(run->pid, SIGKILL);
			if (exited)
				break;
		}
		run_poll(run, exited, ret->timed_out ? 10 : 100);
		if (run->out.fd < 0 && run->err.fd < 0 && !ret->eof_ms)
			ret->eof_ms = run_elapsed(run);
		if (!exited)
			run_reap(run, ret, &exited);
	}
}

static char *run_text(struct run_stream *stream)
{
	char *text = stream->text ? stream->text : strdup("");

	if (!text)
		run_die("strdup");
	return text;
}

void run_program(const struct run_request *request, struct run_answer *ret)
{
	struct run run = { .request = request };

	signal(SIGPIPE, SIG_IGN);
	*ret = (struct run_answer){ 0 };
	run_open(&run.in, request->in, 1);
	run_open(&run.out, request->out, 0);
	run_open(&run.err, request->err, 0);
	run_start(&run);
	run_wait(&run, ret);

	run_close(&run.in.fd);
	run_close(&run.out.fd);
	run_close(&run.err.fd);
	close(run.pidfd);
	ret->out = run_text(&run.out);
	ret->out_len = run.out.len;
	ret->err = run_text(&run.err);
	ret->err_len = run.err.len;
}

int run_detached(const struct run_request *request)
{
	struct run run = { .request = request };
	size_t len = strlen(request->input);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int in = memfd_create("run", MFD_CLOEXEC);

	if (null < 0 || in < 0 ||
	    pwrite(in, request->input, len, 0) != (ssize_t)len)
		run_die("run_detached");
	run.in.child = in;
	run.out.child = null;
	run.err.child = null;
	run.pid = fork();
	if (run.pid < 0)
		run_die("fork");
	if (run.pid == 0)
		run_child(&run);
	close(in);
	close(null);
	return run.pid;
}

void run_answer_clear(struct run_answer *answer)
{
	free(answer->out);
	free(answer->err);
	*answer = (struct run_answer){ 0 };
}
