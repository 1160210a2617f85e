#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/proc.h"

struct watch *watch_find(struct watches *w, pid_t pid, uint64_t start_ticks)
{
	struct watch *one = w->first;

	while (one && (one->key.pid != pid || one->key.start_ticks != start_ticks))
		one = one->next;
	return one;
}

int watch_add(struct watches *w, int epoll_fd, pid_t pid, uint64_t start_ticks,
	      struct fault *fault)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct proc_stat stat;
	struct watch *one;
	int ret;

	if (watch_find(w, pid, start_ticks))
		return 0;
	one = calloc(1, sizeof(*one));
	if (!one)
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory to watch a process");
	one->key = (struct process_key){ pid, start_ticks };
	one->pidfd = syscall(SYS_pidfd_open, pid, 0);
	/* The start time last: then the descriptor is of the process that was meant. */
	if (one->pidfd < 0 || proc_stat(pid, &stat) < 0 || stat.start_ticks != start_ticks) {
		ret = fault_set(fault, ESRCH, "no-such-process", "process %d does not exist", pid);
		goto err;
	}
	event.data.ptr = one;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, one->pidfd, &event)) {
		ret = fault_set(fault, errno, "internal", "process %d cannot be watched: %s", pid,
				strerror(errno));
		goto err;
	}
	one->next = w->first;
	w->first = one;
	return 0;

err:
	if (one->pidfd >= 0)
		close(one->pidfd);
	free(one);
	return ret;
}

void watch_remove(struct watches *w, struct watch *one)
{
	struct watch **at = &w->first;

	while (*at && *at != one)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = one->next;
	close(one->pidfd); /* takes it out of the epoll set */
	free(one);
}

void watches_free(struct watches *w)
{
	while (w->first)
		watch_remove(w, w->first);
}
