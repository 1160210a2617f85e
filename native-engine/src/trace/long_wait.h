/*
 * Waits that a stop ends early and that are made to start again (fixup.c), with their whole
 * time-out: where stops come more often than that, they would never end.
 */
#ifndef LONG_WAIT_H
#define LONG_WAIT_H

#include "process.h"

/*
 * @t, just stopped, is in a call that is to start again. True: since an earlier stop of this very
 * wait its time-out has passed; *@result is what the call returns then. False: it is noted.
 */
bool long_wait_is_over(const struct thread *t, int64_t *result);
/* @t, still stopped, is about to run on. */
void long_wait_goes_on(const struct thread *t);

#endif
