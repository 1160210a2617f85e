/* Process 1 of a restarted computation, once it runs. */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include <sys/types.h>

#include "terminal.h"

/*
 * Reaps, passes what holders and the kernel say about children on to the front, and signals from
 * the front on to the processes; ends, and with it the namespace, when no process but holders is
 * left. A front that is killed takes the root with it, as if the signal had been for the program;
 * others live on. @report_fd: where the holders' messages arrive. @terminal: when the front has
 * gone, what the others still write to it goes to our standard output. All signals must be blocked.
 */
void supervisor_run(int control_fd, int report_fd, pid_t root, struct terminal *terminal)
	__attribute__((noreturn));

#endif
