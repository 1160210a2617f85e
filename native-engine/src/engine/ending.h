/* Ending processes with an exit status, as if they had called exit_group(2) themselves. */
#ifndef ENDING_H
#define ENDING_H

#include "../trace/process.h"

/*
 * Ends @count frozen processes; each is as good as dead afterwards, and is freed (process_free). What
 * has not ended within 1 s gets SIGKILL.
 */
void end_frozen(struct process **processes, size_t count, int status);

#endif
