/* RECORD_PROCESS: one process in its tree. Written by process.c, read by it and by restart/tree. */
#ifndef PROCESS_RECORD_H
#define PROCESS_RECORD_H

#include <stdint.h>

#include "../image/image.h"

enum process_flag {
	PROCESS_ZOMBIE = 1,              /* nothing but @exit_status is left */
	PROCESS_SUBREAPER = 2,           /* PR_SET_CHILD_SUBREAPER */
	PROCESS_STOPPED = 4,             /* by @stop_signal, for job control */
	PROCESS_GROUP_LEADER_LIVES = 8,  /* a process with the number of the group existed */
	PROCESS_SESSION_LEADER_LIVES = 16,
	PROCESS_STOP_UNSEEN = 32, /* its parent has not waited for the stop yet */
};

/* All ids as the program sees them; 0: outside its pid namespace. */
struct process_record {
	int32_t pid;
	int32_t parent;
	int32_t group;
	int32_t session;
	int32_t exit_signal; /* to the parent: 0 or a signal */
	uint32_t flags;      /* enum process_flag */
	int32_t exit_status; /* of a zombie, as wait(2) tells it */
	int32_t stop_signal;
	uint32_t terminal;       /* device of the controlling terminal as in stat, 0: none */
	int32_t foreground_group; /* of that terminal; 0: none or outside */
	uint64_t start_ticks;    /* as the engine saw it: tells who is older */
	/*
	 * Pid of one of the processes that share the object with this one, the same for all of
	 * them; its own when there are no others.
	 */
	int32_t memory_owner, files_owner, directory_owner, handlers_owner;
};

/* The record of an image. -EINVAL and fault image-damaged when there is none. */
int process_record_read(const struct image_reader *image, struct process_record *out,
			struct fault *fault);

#endif
