#include "holder.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message.h"

void holder_run(int report_fd)
{
	const int what = WEXITED | WSTOPPED | WCONTINUED | __WALL;
	siginfo_t info;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);

	/* An open terminal or pipe here would keep its other end from seeing the end. */
	if (report_fd > 0)
		close_range(0, report_fd - 1, 0);
	close_range(report_fd + 1, UINT_MAX, 0);
	for (;;) {
		if (waitid(P_ALL, 0, &info, what | WNOWAIT) == 0) {
			struct message m = {
				.type = MESSAGE_CHILD, .pid = info.si_pid, .code = info.si_code,
				.status = info.si_status,
			};

			/* Told while it is there: process 1 ends as soon as it finds nobody. */
			message_send(report_fd, &m);
			waitid(P_PID, info.si_pid, &info, what);
			m.type = MESSAGE_LOOK;
			message_send(report_fd, &m);
		} else if (errno != EINTR) {
			/*
			 * No child (any more): the number is still needed, and some may be adopted.
			 */
			sigwaitinfo(&child, NULL);
		}
	}
}
