#include "lib/process.h"

#include <criterion/criterion.h>
#include <sys/prctl.h>
#include <sys/wait.h>

Test(process, we_live)
{
	struct process self;
	struct error err = { 0 };

	cr_assert_eq(process_self(&self, &err), 0, "%s", err.details);
	cr_expect_eq(self.pid, getpid());
	cr_expect_eq(process_look(&self, &err), 0);
}

Test(process, a_name_with_spaces_and_brackets_does_not_disturb)
{
	struct process before, after;
	struct error err = { 0 };

	cr_assert_eq(process_self(&before, &err), 0);
	cr_assert_eq(prctl(PR_SET_NAME, "a) R 1 2 (b"), 0);
	cr_assert_eq(process_self(&after, &err), 0, "%s", err.details);
	cr_expect_eq(before.start, after.start);
	cr_expect_eq(process_look(&before, &err), 0);
}

Test(process, a_reused_pid_is_another_process)
{
	struct process self;
	struct error err = { 0 };

	cr_assert_eq(process_self(&self, &err), 0);
	const struct process now = self;

	cr_expect(process_is_same(&now, &self));
	self.start--;
	cr_expect_eq(process_look(&self, &err), PROCESS_DEAD);
	cr_expect_not(process_is_same(&now, &self));
}

Test(process, of_another_pid_namespace_nothing_is_known)
{
	struct process self;
	struct error err = { 0 };

	cr_assert_eq(process_self(&self, &err), 0);
	self.ns++;
	cr_expect_eq(process_look(&self, &err), PROCESS_UNKNOWN);
}

Test(process, a_zombie_is_dead_and_so_is_one_that_was_reaped)
{
	struct process child;
	struct error err = { 0 };
	int fds[2];
	pid_t pid;

	cr_assert_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		if (process_self(&child, &err) < 0 ||
		    write(fds[1], &child, sizeof(child)) < 0)
			_exit(1);
		_exit(0);
	}
	cr_assert_eq(read(fds[0], &child, sizeof(child)), sizeof(child));
	cr_assert_eq(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 },
			    WEXITED | WNOWAIT),
		     0);
	cr_expect_eq(process_look(&child, &err), PROCESS_DEAD, "zombie");
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_expect_eq(process_look(&child, &err), PROCESS_DEAD, "reaped");
	cr_expect_not(error_is_set(&err));
}
