/* /proc/PID/status as a whole: what freezing and the resources of threads need of it. */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_status { /* proc(5), /proc/PID/status */
	char state;
	pid_t tgid, tracer;
	pid_t virtual_pid;  /* last of NSpid */
	int pid_levels;     /* entries of NSpid: 1 in the reader's own pid namespace */
	pid_t outer_ids[33]; /* NSpid, outermost first */
	uint64_t pending, shared_pending, blocked, ignored, caught;
	int seccomp, seccomp_filters, no_new_privileges;
	uint32_t umask;
	uint64_t locked_kb; /* memory of the process that is locked */
	uint32_t real_uid, effective_uid, saved_uid, fs_uid;
	uint32_t real_gid, effective_gid, saved_gid, fs_gid;
	uint64_t caps_inheritable, caps_permitted, caps_effective, caps_bounding, caps_ambient;
	uint32_t groups[256];
	int group_count;    /* all of them, also those that did not fit in @groups */
};

/* Of thread @tid (the leader: of the process). 0 or -errno. */
int proc_status(pid_t tid, struct proc_status *status);

#endif
