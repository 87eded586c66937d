#include "plugin/delegate-run.h"

#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * Two things end a run: the process, and its output. They are waited for
 * together, because a child of the delegate may hold the output open for ever,
 * and because the process may close it and go on. When the process has ended,
 * what it wrote is there to be read; nothing more is waited for.
 *
 * Its stdin is a file in memory: it can be read at any pace, or not at all,
 * without a second pipe that could block us.
 */

#define RUN_MIN_MS     2000
#define RUN_DEFAULT_MS 10000
#define RUN_OUT_MAX    ((size_t)1 << 20)

struct child {
	pid_t pid;
	int pidfd;
	int out; /* -1: its output ended */
	uint64_t deadline_ms;
};

void delegate_run_clear(struct delegate_run *run)
{
	free(run->out);
	*run = (struct delegate_run){ 0 };
}

/* --- finding ------------------------------------------------------------------- */

static bool is_regular(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The first regular file along CNI_PATH, as libcni searches. */
static int find_program(const char *search, const char *type, char **ret,
			struct error *err)
{
	if (!*type || strchr(type, '/'))
		return error_set(err, ERROR_CONFIG, 0,
				 "this is no name of a plugin");
	if (!*search)
		return error_set(err, ERROR_ENVIRONMENT, 0,
				 "required environment variables are missing: "
				 "CNI_PATH");
	for (const char *dir = search; *dir; dir += *dir == ':') {
		int len = (int)strcspn(dir, ":");
		char *path;

		if (asprintf(&path, "%.*s/%s", len, dir, type) < 0)
			return error_oom(err);
		if (len > 0 && is_regular(path)) {
			*ret = path;
			return 0;
		}
		free(path);
		dir += len;
	}
	return error_set(err, ERROR_DELEGATE, 0,
			 "there is no such plugin in CNI_PATH (%s)", search);
}

/* --- starting ------------------------------------------------------------------- */

static int open_input(const struct request *request, int *ret,
		      struct error *err)
{
	cleanup_close int fd = memfd_create("cni-config", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return error_set(err, ERROR_IO, errno, "its stdin");
	r = file_write_all(fd, request->config, request->config_len, err);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, ERROR_IO, errno, "its stdin");
	*ret = take_fd(&fd);
	return 0;
}

/* Ours, but for CNI_COMMAND; yours to free, the strings are borrowed. */
static char **copy_environment(char *command)
{
	static const char name[] = "CNI_COMMAND=";
	size_t count = 0;
	size_t n = 0;
	char **copy;

	while (environ[count])
		count++;
	copy = calloc(count + 2, sizeof(*copy));
	if (!copy)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (strncmp(environ[i], name, strlen(name)) != 0)
			copy[n++] = environ[i];
	copy[n] = command;
	return copy;
}

/* A process group of its own: what it starts ends with it. */
static int spawn(char *path, char **env, int in, int out, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	char *argv[] = { path, NULL };
	int sys;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	sys = posix_spawn(ret, path, &files, &attributes, argv, env);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return sys;
}

static int start(const struct request *request, char *path,
		 enum request_verb verb, struct child *ret, struct error *err)
{
	cleanup_close int in = -1;
	cleanup_close int out = -1;
	cleanup_close int child_out = -1;
	cleanup_free char **env = NULL;
	char command[32];
	int pipes[2];
	int sys;
	int r;

	r = open_input(request, &in, err);
	if (r < 0)
		return r;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_set(err, ERROR_IO, errno, "its stdout");
	out = pipes[0];
	child_out = pipes[1];
	snprintf(command, sizeof(command), "CNI_COMMAND=%s",
		 request_verb_text(verb));
	env = copy_environment(command);
	if (!env)
		return error_oom(err);

	sys = spawn(path, env, in, child_out, &ret->pid);
	if (sys != 0)
		return error_set(err, ERROR_DELEGATE, sys, "start %s", path);
	ret->pidfd = (int)syscall(SYS_pidfd_open, ret->pid, 0);
	ret->out = take_fd(&out);
	return 0;
}

/* --- hearing -------------------------------------------------------------------- */

static int append(struct delegate_run *run, const char *data, size_t len,
		  struct error *err)
{
	char *grown;

	if (run->out_len + len > RUN_OUT_MAX)
		return error_set(err, ERROR_DELEGATE, 0,
				 "it prints more than %zu bytes", RUN_OUT_MAX);
	grown = realloc(run->out, run->out_len + len + 1);
	if (!grown)
		return error_oom(err);
	memcpy(grown + run->out_len, data, len);
	run->out = grown;
	run->out_len += len;
	run->out[run->out_len] = '\0';
	return 0;
}

static void end_output(struct child *child)
{
	close(child->out);
	child->out = -1;
}

/* Read once; its output must be readable, or at its end. */
static int hear(struct child *child, struct delegate_run *run,
		struct error *err)
{
	char buf[4096];
	ssize_t n = read(child->out, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0)
		return error_set(err, ERROR_IO, errno, "its stdout");
	if (n == 0) {
		end_output(child);
		return 0;
	}
	return append(run, buf, (size_t)n, err);
}

/* Ended: what it wrote is all there, though the pipe may stay open. */
static int hear_rest(struct child *child, struct delegate_run *run,
		     struct error *err)
{
	int r = 0;

	while (r == 0 && child->out >= 0) {
		struct pollfd fd = { .fd = child->out, .events = POLLIN };

		if (poll(&fd, 1, 0) <= 0)
			end_output(child);
		else
			r = hear(child, run, err);
	}
	return r;
}

static int time_left(const struct child *child)
{
	uint64_t now = file_boottime_ms();

	return now < child->deadline_ms ? (int)(child->deadline_ms - now) : 0;
}

static int wait_for(struct child *child, struct delegate_run *run,
		    struct error *err)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = child->pidfd, .events = POLLIN },
			{ .fd = child->out, .events = POLLIN },
		};
		int n;
		int r;

		if (child->pidfd < 0 && child->out < 0)
			return 0;
		n = poll(fds, ARRAY_SIZE(fds), time_left(child));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERROR_IO, errno, "wait for it");
		if (n == 0)
			return error_set(err, ERROR_DELEGATE, ETIMEDOUT,
					 "it did not end in time");
		if (fds[0].revents)
			return hear_rest(child, run, err);
		r = hear(child, run, err);
		if (r < 0)
			return r;
	}
}

static void describe_end(int status, struct delegate_run *run)
{
	run->succeeded = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (WIFSIGNALED(status))
		snprintf(run->end, sizeof(run->end), "killed by signal %d",
			 WTERMSIG(status));
	else
		snprintf(run->end, sizeof(run->end), "exit status %d",
			 WEXITSTATUS(status));
}

/* Kernels before 5.3 have no pidfd: the end of its output must do there. */
static int attend(struct child *child, struct delegate_run *run,
		  struct error *err)
{
	int status = 0;
	int r = wait_for(child, run, err);

	if (r < 0)
		kill(-child->pid, SIGKILL);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (child->out >= 0)
		close(child->out);
	if (child->pidfd >= 0)
		close(child->pidfd);
	describe_end(status, run);
	return r;
}

int delegate_run(const struct request *request, const char *type,
		 enum request_verb verb, struct delegate_run *ret,
		 struct error *err)
{
	cleanup_free char *path = NULL;
	uint64_t now = file_boottime_ms();
	struct child child = { .deadline_ms = request->deadline_ms };
	int r;

	if (!child.deadline_ms)
		child.deadline_ms = now + RUN_DEFAULT_MS;
	if (child.deadline_ms < now + RUN_MIN_MS)
		child.deadline_ms = now + RUN_MIN_MS;

	ret->out = strdup("");
	if (!ret->out)
		return error_oom(err);
	r = find_program(request->path, type, &path, err);
	if (r < 0)
		return r;
	r = start(request, path, verb, &child, err);
	if (r < 0)
		return r;
	return attend(&child, ret, err);
}
