/* Threads: registers and what the kernel knows of each. */
#ifndef THREADS_H
#define THREADS_H

#include "resource.h"

extern const struct resource resource_threads;
/* Group stop and exited leaders: after everything else that needs running threads. */
extern const struct resource resource_last_state;

#endif
