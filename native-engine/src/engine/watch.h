/* Telling the agent when a process has ended. */
#ifndef WATCH_H
#define WATCH_H

#include "scan.h"

struct watch {
	struct watch *next;
	struct process_key key;
	int pidfd;
};

struct watches {
	struct watch *first;
};

/* Adds a pidfd to @epoll_fd with the watch as data. -ESRCH: no such process (any more). */
int watch_add(struct watches *w, int epoll_fd, pid_t pid, uint64_t start_ticks,
	      struct fault *fault);
void watch_remove(struct watches *w, struct watch *one);
struct watch *watch_find(struct watches *w, pid_t pid, uint64_t start_ticks);
void watches_free(struct watches *w);

#endif
