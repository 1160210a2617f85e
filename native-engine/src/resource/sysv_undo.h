/* What processes have to give back to System V semaphores when they end. */
#ifndef SYSV_UNDO_H
#define SYSV_UNDO_H

#include "resource.h"

struct undo_sets;

/* Remembers a set of the computation; @*sets is made with the first. 0 or -ENOMEM. */
int undo_sets_add(struct undo_sets **sets, int id, size_t count);
void undo_sets_free(struct undo_sets *sets);
/* What this process has to give back to @sets (NULL: none), into its records. */
int undo_capture(struct capture *c, const struct undo_sets *sets);

#endif
