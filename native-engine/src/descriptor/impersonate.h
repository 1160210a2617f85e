/*
 * Calls that the kernel remembers the caller of, such as listen(2) and connect(2) on Unix sockets
 * (SO_PEERCRED): made by a process that lives only for them, under the number that a member has.
 */
#ifndef IMPERSONATE_H
#define IMPERSONATE_H

#include <sys/types.h>

/*
 * Runs @work(@argument) as process @pid with these ids, where they differ from ours and may be
 * taken; the descriptors are shared, memory is a copy. @pid 0, or a number that is taken: in the
 * caller. Returns what @work does: 0 or -errno. Before the processes exist that have the numbers.
 */
int impersonate(pid_t pid, uid_t uid, gid_t gid, int (*work)(void *argument), void *argument);

#endif
