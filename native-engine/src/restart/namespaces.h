/* The fresh namespaces that a computation is restarted in. */
#ifndef NAMESPACES_H
#define NAMESPACES_H

#include <stdbool.h>
#include <sys/types.h>

#include "rebuild.h"

/*
 * In the front: starts @argv (this program, as builder's helper) in a new user namespace, or
 * without one for a privileged user. @control_fd stays open in it; its close-on-exec flag is
 * cleared there. A helper in a user namespace runs with all capabilities of it, after an execve, so
 * that its memory and all that descends from it belongs to the namespace (engine-facts 3.3).
 */
int namespaces_start_helper(char *const argv[], bool user_namespace, int *keep_open,
			    size_t keep_count, pid_t *helper, struct fault *fault);
/* In the front: maps the user to itself in the namespace of @helper. */
int namespaces_map_user(pid_t helper, struct fault *fault);

/*
 * In the helper: new mount, IPC and time namespaces for what it creates. Without time namespaces
 * @warning says so and the restart goes on.
 */
int namespaces_enter(struct rebuild *r, struct fault *warning, struct fault *fault);
/* As fork(2), but the child is process 1 of a new pid namespace and a sibling of the caller. */
pid_t namespaces_fork_init(struct fault *fault);
/* In process 1: /proc shows the new namespace; new numbers start above those of the images. */
int namespaces_prepare_init(pid_t highest, struct fault *fault);

#endif
