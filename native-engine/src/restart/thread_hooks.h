/* THREAD_RESUME of plugins: in every thread of the rebuilt processes, before they go on. */
#ifndef THREAD_HOOKS_H
#define THREAD_HOOKS_H

#include "../trace/process.h"

/*
 * Lets all threads of @p that are still held run the library's function for it at once, each on a
 * stack of its own, and gives them their registers back afterwards, whatever the function does,
 * within a limit, and by @deadline_ns. @area: the struct plugin_area of @p. @why: what went wrong
 * in one of them.
 */
void thread_hooks_run(struct process *p, uint64_t area, uint64_t deadline_ns, struct fault *why);

#endif
