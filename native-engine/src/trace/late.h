/* Traced threads that could not be let go at once. */
#ifndef TRACE_LATE_H
#define TRACE_LATE_H

#include <sys/types.h>

/* trace_release_late() will detach @tid when it stops, or take its end. */
void late_release(pid_t tid);
/* It is somebody else's number now, who is not to be let go. */
void late_forget(pid_t tid);

#endif
