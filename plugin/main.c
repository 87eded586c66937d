#include "plugin/command.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/*
 * A descriptor below 3 that the runtime left closed would be given to the first
 * file that we open, and a result or a warning be written into it. What takes
 * its place here fails as a closed one does: write-only for stdin, read-only
 * for the other two.
 */
static int main_hold_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++) {
		int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
		int held = fd;

		if (fcntl(fd, F_GETFD) < 0)
			held = open("/dev/null", flags);
		if (held != fd)
			return -1;
	}
	return 0;
}

/* A runtime that has gone away is an error of write(), not our end halfway.
 * Unlike SIG_IGN, a handler does not outlive exec: delegates are not changed. */
static void main_on_sigpipe(int signal)
{
	(void)signal;
}

int main(int argc, char *argv[])
{
	const struct sigaction action = { .sa_handler = main_on_sigpipe,
					  .sa_flags = SA_RESTART };

	if (main_hold_descriptors() < 0)
		return 1;
	sigaction(SIGPIPE, &action, NULL);
	return command_run(argc > 0 ? argv[0] : "hostshim");
}
