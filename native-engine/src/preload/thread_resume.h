/* THREAD_RESUME: after a restart, in every thread, before the program goes on. */
#ifndef THREAD_RESUME_H
#define THREAD_RESUME_H

#include <stdbool.h>

/* In the helper thread, before the builder is told that it may: room for what all threads will do. */
void thread_resume_prepare(void);
/* Behind that: waits until all have done it; the room goes. */
void thread_resume_finish(void);

/* Whether the calling thread does it now; then: ends it, as faulty. */
bool thread_resume_is_here(void);
void thread_resume_leave(const char *why) __attribute__((noreturn));

#endif
