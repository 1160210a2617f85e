/* Reading the descriptors of a process from /proc, without touching them. */
#ifndef VIEW_H
#define VIEW_H

#include "descriptor.h"

struct view_walk;

/*
 * Opens the descriptors of @pid. @tid: a thread of it that lives; after the leader's exit
 * /proc/PID/fd is empty. -ENOENT, -ESRCH: it has gone.
 */
int view_walk_open(struct view_walk **out, pid_t pid, pid_t tid);
/*
 * 1 and the next descriptor in ascending order in *@view, given back with view_free(); 0 at the
 * end; -errno. One that is closed meanwhile is passed over.
 */
int view_walk_next(struct view_walk *w, struct descriptor_view *view);
void view_walk_close(struct view_walk *w);

/* One descriptor alone. */
int view_one(pid_t pid, int number, struct descriptor_view *view);

void view_free(struct descriptor_view *view);

#endif
