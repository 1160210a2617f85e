/* Processes that have been looked at and belong to nobody: a look soon after skips them. */
#ifndef STRANGERS_H
#define STRANGERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Known by number and by the inode of /proc/PID: as long as the kernel finds the same one there, it
 * is the same process (fs/proc/base.c, pid_revalidate), and asking costs one system call instead of
 * eight. Empty when all is zero.
 */
struct strangers {
	struct stranger {
		pid_t pid; /* 0: free */
		uint64_t inode;
	} *slots;
	size_t count, capacity;
};

/* The inode of /proc/@pid; 0: there is no such process. */
uint64_t stranger_inode(pid_t pid);
/* @inode was asked for before it was looked at: whoever has its number since is not meant. */
void strangers_add(struct strangers *s, pid_t pid, uint64_t inode);
bool strangers_contain(const struct strangers *s, pid_t pid, uint64_t inode);
/* It is looked at again. */
void strangers_forget(struct strangers *s, pid_t pid);
void strangers_free(struct strangers *s);

#endif
