/* Names of files on their way to the C library. */
#ifndef PATHS_H
#define PATHS_H

#include <limits.h>

#include "../preload/for_wrappers.h"

/*
 * PATH_MAX bytes outside the stack, which may be a small one: of a thread, or of signal handlers.
 * Safe in handlers too. NULL: there is no memory.
 */
LIB_PRIVATE char *path_room_take(void);
/*
 * Takes it back; *@room may be NULL. A thread that is cancelled in a call, or leaves it by
 * longjmp(3), keeps it: unwinding would need a library that programs of musl have not got.
 */
LIB_PRIVATE void path_room_give(char **room);

#define PATH_ROOM(name) __attribute__((cleanup(path_room_give))) char *name = NULL

/* @path as it really is, then in @room, a PATH_ROOM; without a mapping none is taken. */
#define REAL_PATH(path, room)                                                              \
	(dmtcp_internal_translates() && ((room) || ((room) = path_room_take())) ?          \
		 dmtcp_internal_real_path(path, room) : (path))

#endif
