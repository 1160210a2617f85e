/*
 * What the library knows of the calling thread. Not in thread-local variables: the C library would
 * set them up in every new thread of every program. Safe in handlers of signals that put back what
 * they change, and in children of vfork(2).
 */
#ifndef PER_THREAD_H
#define PER_THREAD_H

#include <stdbool.h>
#include <stdint.h>

struct per_thread {
	uint32_t held;       /* gate.c: how often it holds the gate */
	uint16_t fork_error; /* forks.c: errno from before fork(2) */
	bool fork_wrapped : 1;   /* forks_fork() will know whether there is a child */
	bool fork_undecided : 1; /* and has to raise the event */
	bool translating : 1;    /* pathvirt.c: hooks that translate a name run */
};

/*
 * Takes the key early: the C library has room for the first ones in every thread, and makes it for
 * others, which no handler and no child of vfork(2) should.
 */
void per_thread_begin(void);
/* All zero in a new thread. */
struct per_thread per_thread_get(void);
/* false: no key is left (PTHREAD_KEYS_MAX), or there is no memory; nothing is kept. */
bool per_thread_set(struct per_thread now);

#endif
