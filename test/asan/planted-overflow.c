#include <criterion/criterion.h>
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int planted = INT_MAX;

/* In a child whose end nobody looks at, so that only the report can tell. */
Test(planted, overflow)
{
	pid_t pid = fork();

	if (pid == 0) {
		planted = planted + 1;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}
