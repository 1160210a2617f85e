/*
 * The helper thread: takes the process's plugins through checkpoints and restarts. It exists only in
 * processes that have loaded a plugin or called a function of dmtcp.h.
 */
#ifndef HELPER_THREAD_H
#define HELPER_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum helper_state {
	HELPER_RUNNING,
	HELPER_PENDING,   /* PRESUSPEND: the threads of the program run */
	HELPER_SUSPENDED, /* they stand still */
};

/* What the agent has told of this process, and what the helper has counted. */
struct helper_facts {
	int64_t attachment; /* 0: not attached */
	char unique_pid[128], computation_id[128], coordinator_host[256];
	char checkpoint_dir[4096];
	int coordinator_port;
	int64_t coordinator_time;
	uint32_t generation;
	int signal;
	bool open_files, allow_overwrite;
	uint32_t checkpoints, restarts;
	uint32_t helpers, local_helpers; /* of the present round or restart; 0: not known */
	enum helper_state state;
};

extern struct helper_facts helper_facts;

/* Starts the helper unless it runs; waits (a few seconds at most) until it is attached. true: it is. */
bool helper_start(void);
/* Attaches in the calling thread, before the helper exists: at the start of a program with plugins. */
void helper_attach_early(void);


#endif
