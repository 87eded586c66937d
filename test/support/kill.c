#include "test/support/kill.h"

#include "lib/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_ENV_MAX 64
#define KILL_PATH    256

#define KILL_OPTIONS                                                           \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK |      \
	 PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

struct kill {
	const struct kill_plan *plan;
	struct kill_answer *answer;
	pid_t pid;
	bool counting;
	pid_t failing; /* inside the call that is to fail */
};

static void __attribute__((noreturn)) kill_die(const char *what)
{
	perror(what);
	abort();
}

void kill_answer_clear(struct kill_answer *answer)
{
	free(answer->out);
	free(answer->err);
	*answer = (struct kill_answer){ 0 };
}

/* --- files for its three streams: nothing to feed or drain meanwhile ---------- */

static int kill_file(const char *text)
{
	int fd = memfd_create("kill", MFD_CLOEXEC);
	size_t len = strlen(text);

	if (fd < 0 || pwrite(fd, text, len, 0) != (ssize_t)len)
		kill_die("memfd");
	return fd;
}

static char *kill_text(int fd)
{
	struct stat st;
	char *text;

	if (fstat(fd, &st) < 0)
		kill_die("fstat");
	text = calloc((size_t)st.st_size + 1, 1);
	if (!text || pread(fd, text, (size_t)st.st_size, 0) != st.st_size)
		kill_die("pread");
	return text;
}

/* --- start ---------------------------------------------------------------------- */

static void kill_sanitizers(const char *env[static KILL_ENV_MAX], size_t n,
			    char text[static KILL_PATH])
{
	const char *asan = getenv("ASAN_OPTIONS");

	if (!asan)
		return;
	/* The leak check stops its own process with ptrace. */
	snprintf(text, KILL_PATH, "ASAN_OPTIONS=%s:detect_leaks=0", asan);
	env[n] = text;
	env[n + 1] = NULL;
}

static char *const *kill_strings(const char *const *ours)
{
	char *const *its;

	memcpy(&its, &ours, sizeof(its));
	return its;
}

static void __attribute__((noreturn))
kill_child(const struct run_request *request, const int fds[static 3])
{
	const char *env[KILL_ENV_MAX] = { NULL };
	char sanitizers[KILL_PATH];
	size_t n = 0;

	for (; request->env[n]; n++)
		env[n] = request->env[n];
	kill_sanitizers(env, n, sanitizers);
	for (int fd = 0; fd < 3; fd++)
		if (dup2(fds[fd], fd) < 0)
			_exit(126);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(125);
	raise(SIGSTOP);
	execve(request->argv[0], kill_strings(request->argv),
	       kill_strings(env));
	_exit(127);
}

static void kill_continue(pid_t pid, int signal)
{
	/* It may have died of a signal meanwhile: waitpid() tells. */
	if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)signal) < 0 &&
	    errno != ESRCH)
		kill_die("PTRACE_SYSCALL");
}

static void kill_start(struct kill *k, const struct run_request *request,
		       const int fds[static 3])
{
	int status;

	k->pid = fork();
	if (k->pid < 0)
		kill_die("fork");
	if (k->pid == 0)
		kill_child(request, fds);
	if (waitpid(k->pid, &status, 0) != k->pid || !WIFSTOPPED(status))
		kill_die("the program does not start");
	if (ptrace(PTRACE_SETOPTIONS, k->pid, NULL,
		   (void *)(intptr_t)KILL_OPTIONS) < 0)
		kill_die("PTRACE_SETOPTIONS");
	kill_continue(k->pid, 0);
}

/* --- which calls count ------------------------------------------------------------ */

static bool kill_is_below(const struct kill_plan *plan, const char *path)
{
	size_t len = strlen(plan->below);

	return strncmp(path, plan->below, len) == 0;
}

static bool kill_fd_counts(const struct kill_plan *plan, pid_t pid, uint64_t fd)
{
	char name[64];
	char target[KILL_PATH] = "";

	snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)pid, (int)fd);
	if (readlink(name, target, sizeof(target) - 1) < 0)
		return false;
	return kill_is_below(plan, target);
}

static bool kill_path_counts(const struct kill_plan *plan, pid_t pid,
			     uint64_t address)
{
	char path[KILL_PATH] = "";
	struct iovec ours = { path, sizeof(path) - 1 };
	struct iovec its = { (void *)(uintptr_t)address, sizeof(path) - 1 };

	/* Short at the end of a mapping: what was read is enough. */
	if (process_vm_readv(pid, &ours, 1, &its, 1, 0) <= 0)
		return false;
	return kill_is_below(plan, path);
}

/* What one forgets here is struck too, for nothing. */
static bool kill_changes(const struct __ptrace_syscall_info *info)
{
	switch (info->entry.nr) {
	case SYS_read:
	case SYS_pread64:
	case SYS_recvmsg:
	case SYS_mmap:
	case SYS_munmap:
	case SYS_mprotect:
	case SYS_madvise:
	case SYS_brk:
	case SYS_fstat:
	case SYS_newfstatat:
	case SYS_lseek:
	case SYS_getdents64:
	case SYS_readlinkat:
	case SYS_faccessat:
	case SYS_fcntl:
	case SYS_getpid:
	case SYS_gettid:
	case SYS_getrandom:
	case SYS_rt_sigaction:
	case SYS_rt_sigprocmask:
	case SYS_socket:
	case SYS_getsockname:
	case SYS_setsockopt:
	case SYS_close:
#ifdef SYS_readlink
	case SYS_readlink:
	case SYS_access:
#endif
		return false;
	case SYS_openat:
		return info->entry.args[2] & O_CREAT;
	default:
		return true;
	}
}

static bool kill_counts(const struct kill_plan *plan, pid_t pid,
			const struct __ptrace_syscall_info *info)
{
	const uint64_t *args = (const uint64_t *)info->entry.args;

	if (plan->changes && !kill_changes(info))
		return false;
	if (!plan->below)
		return true;
	switch (info->entry.nr) {
	case SYS_write:
	case SYS_writev:
	case SYS_pwrite64:
	case SYS_pwritev:
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_ftruncate:
		return kill_fd_counts(plan, pid, args[0]);
	case SYS_openat:
		return (args[2] & O_CREAT) &&
		       kill_path_counts(plan, pid, args[1]);
	case SYS_mkdirat:
	case SYS_renameat:
	case SYS_renameat2:
		return kill_path_counts(plan, pid, args[1]);
	case SYS_truncate:
#ifdef SYS_mkdir
	case SYS_mkdir:
	case SYS_rename:
#endif
		return kill_path_counts(plan, pid, args[0]);
	default:
		return false;
	}
}

/* --- strike ------------------------------------------------------------------------- */

#ifdef __x86_64__

bool kill_can_fail(void)
{
	return true;
}

/* Number -1 is no call; what it answers is put in place when it returns. */
static void kill_skip(pid_t pid)
{
	if (ptrace(PTRACE_POKEUSER, pid,
		   offsetof(struct user_regs_struct, orig_rax), (void *)-1) < 0)
		kill_die("PTRACE_POKEUSER");
}

static void kill_answer_error(pid_t pid, int error)
{
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax),
		   (void *)(intptr_t)-error) < 0)
		kill_die("PTRACE_POKEUSER");
}

#else

bool kill_can_fail(void)
{
	return false;
}

static void kill_skip(pid_t pid)
{
	(void)pid;
	abort();
}

static void kill_answer_error(pid_t pid, int error)
{
	(void)pid;
	(void)error;
	abort();
}

#endif

static void kill_strike(struct kill *k, pid_t pid, long number)
{
	k->answer->struck = true;
	k->answer->number = number;
	if (k->plan->error == 0) {
		kill(pid, SIGKILL);
		return;
	}
	kill_skip(pid);
	k->failing = pid;
}

static void kill_at_entry(struct kill *k, pid_t pid,
			  const struct __ptrace_syscall_info *info)
{
	if (info->entry.nr == SYS_read && info->entry.args[0] == 0)
		k->counting = true;
	if (!k->counting || k->answer->struck ||
	    (pid != k->pid) != k->plan->children ||
	    !kill_counts(k->plan, pid, info))
		return;
	k->answer->calls++;
	if (k->answer->calls == k->plan->nth)
		kill_strike(k, pid, (long)info->entry.nr);
}

static void kill_at_call(struct kill *k, pid_t pid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0)
		return; /* it died */
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		kill_at_entry(k, pid, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT && pid == k->failing) {
		kill_answer_error(pid, k->plan->error);
		k->failing = 0;
	}
}

static void kill_at_stop(struct kill *k, pid_t pid, int status)
{
	int signal = WSTOPSIG(status);

	if (signal == (SIGTRAP | 0x80)) {
		kill_at_call(k, pid);
		signal = 0;
	} else if (signal == SIGTRAP || signal == SIGSTOP) {
		signal = 0; /* exec, fork, a new child */
	}
	kill_continue(pid, signal);
}

void kill_program(const struct run_request *request,
		  const struct kill_plan *plan, struct kill_answer *ret)
{
	cleanup_close int in = kill_file(request->input);
	cleanup_close int out = kill_file("");
	cleanup_close int err = kill_file("");
	struct kill k = { .plan = plan, .answer = ret };
	int status;
	pid_t pid;

	*ret = (struct kill_answer){ 0 };
	kill_start(&k, request, (const int[]){ in, out, err });
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFSTOPPED(status))
			kill_at_stop(&k, pid, status);
		else if (pid == k.pid)
			ret->status = WIFEXITED(status) ? WEXITSTATUS(status)
							: -1;
	}
	ret->out = kill_text(out);
	ret->err = kill_text(err);
}
