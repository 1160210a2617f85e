/* The events around fork(2). */
#ifndef FORKS_H
#define FORKS_H

#include <sys/types.h>

/* From now on @in_child runs in every child, between what the C library does there and ATFORK_CHILD. */
void forks_know(void (*in_child)(void));
/* Calls @next, which forks. So a failure is known for certain; else it is taken from errno. */
pid_t forks_fork(pid_t (*next)(void));

#endif
