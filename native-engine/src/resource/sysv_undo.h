/* What processes have to give back to System V semaphores when they end. */
#ifndef SYSV_UNDO_H
#define SYSV_UNDO_H

#include "resource.h"

struct undo_sets;

/* Remembers a set of the computation; @*sets is made with the first. 0 or -ENOMEM. */
int undo_sets_add(struct undo_sets **sets, int id, size_t count);
/*
 * A member has used a set that others wait for, or that cannot be captured: what that would get
 * back is not known, so that no process is made to give anything back.
 */
int undo_sets_doubt(struct undo_sets **sets);
void undo_sets_free(struct undo_sets *sets);
/* What this process has to give back to @sets (NULL: none), into its records. */
int undo_capture(struct capture *c, const struct undo_sets *sets);

#endif
