/* Where a Unix socket of a relative name was bound: the kernel keeps the name only. */
#ifndef UNIX_DIRECTORY_H
#define UNIX_DIRECTORY_H

#include <limits.h>

#include "../engine/round.h"
#include "unix_diag.h"

/*
 * Puts the directory from which the name of @s leads to it into @directory. @fd: it, or -1; @pid: who
 * has it. False: not found, or its name has gone; then the present directory of @pid.
 */
bool unix_find_directory(struct round *r, pid_t pid, int fd, const struct unix_info *s,
			 char directory[PATH_MAX]);

#endif
