/* Reading /proc: whole files, and the fields of stat and status that the parts need. */
#ifndef PROC_H
#define PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The whole of /proc/@pid/@name (name may be "task/7/stat"; @pid 0: /proc/@name), with a 0 byte
 * behind it. The caller frees *@text. @bytes may be NULL. -errno of open or read; a process that
 * has gone is -ENOENT or -ESRCH, whichever the kernel says.
 */
int proc_read_text(pid_t pid, const char *name, char **text, size_t *bytes);

/* Target of the link /proc/@pid/@name, terminated, at most @capacity - 1 bytes. Length or -errno. */
ssize_t proc_read_link(pid_t pid, const char *name, char *target, size_t capacity);

/* /proc/PID/stat, proc(5) */
struct proc_stat {
	pid_t pid;
	char comm[64];
	char state;
	pid_t parent, group, session;
	int32_t terminal; /* device number, 0: none */
	pid_t terminal_group;
	uint64_t flags; /* PF_* */
	uint64_t minor_faults, major_faults, user_ticks, system_ticks;
	int32_t nice;
	uint32_t threads;
	uint64_t start_ticks;
	uint64_t resident_limit; /* soft RLIMIT_RSS: membership.h */
	uint64_t start_code, end_code, start_stack;
	int32_t exit_signal;
	uint64_t start_data, end_data, start_brk, arg_start, arg_end, env_start, env_end;
	int32_t exit_code; /* as of wait(2); 0 without ptrace access */
};

/* -ESRCH when it does not exist (any more). */
int proc_stat(pid_t pid, struct proc_stat *out);
/* A zombie, whole: one whose leader alone has exited lives on in its other threads. */
bool proc_has_ended(const struct proc_stat *s);
int proc_stat_of_thread(pid_t pid, pid_t tid, struct proc_stat *out);

/*
 * The value of the line "@field:" in a text like /proc/PID/status or fdinfo, behind the blanks;
 * it ends at the newline. NULL when there is none.
 */
const char *proc_field(const char *text, const char *field);
/* The same as a number of @base; @missing when there is none. */
uint64_t proc_field_number(const char *text, const char *field, int base, uint64_t missing);

struct pid_list {
	pid_t *pids;
	size_t count, capacity;
};

int pid_list_add(struct pid_list *l, pid_t pid); /* -ENOMEM */
void pid_list_free(struct pid_list *l);

/* Appends the thread ids of @pid in ascending order. -ESRCH when it has gone. */
int proc_threads(pid_t pid, struct pid_list *out);
/* Appends the children of every thread of @pid. A process without threads has none. */
int proc_children(pid_t pid, struct pid_list *out);
/* Appends every process that /proc shows. */
int proc_all(struct pid_list *out);

/*
 * The innermost number of "NSpid:" in the status of @pid or one of its threads (@name "status" or
 * "task/TID/status"): what the program itself sees. -ESRCH.
 */
pid_t proc_virtual_pid(pid_t pid, const char *name);

#endif
