#include "forks.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "per_thread.h"
#include "plugins.h"

static void (*then_in_child)(void);

/*
 * The C library calls the handlers of the parent also when there is no child, and does not tell them. It
 * sets errno only then; other handlers that run before ours may have set it too.
 */
static void set_wrapped(bool wrapped)
{
	struct per_thread here = per_thread_get();

	here.fork_wrapped = wrapped;
	here.fork_undecided = false;
	per_thread_set(here);
}

static void before(void)
{
	struct per_thread here;

	plugins_raise(DMTCP_EVENT_ATFORK_PREPARE, NULL);
	here = per_thread_get();
	here.fork_undecided = false;
	here.fork_error = errno;
	per_thread_set(here);
	errno = 0;
}

static void in_parent(void)
{
	struct per_thread here = per_thread_get();
	int error = errno;

	if (error && here.fork_wrapped) {
		here.fork_undecided = true;
		per_thread_set(here);
	} else {
		plugins_raise(error == EAGAIN || error == ENOMEM ? DMTCP_EVENT_ATFORK_FAILED :
								    DMTCP_EVENT_ATFORK_PARENT, NULL);
	}
	errno = error ? error : here.fork_error;
}

static void in_child(void)
{
	struct per_thread here = per_thread_get();

	errno = here.fork_error;
	set_wrapped(false);
	then_in_child();
}

pid_t forks_fork(pid_t (*next)(void))
{
	bool undecided;
	pid_t pid;
	int error;

	set_wrapped(true);
	pid = next();
	if (!pid)
		return 0;
	error = errno;
	undecided = per_thread_get().fork_undecided;
	set_wrapped(false);
	if (undecided)
		plugins_raise(pid < 0 ? DMTCP_EVENT_ATFORK_FAILED : DMTCP_EVENT_ATFORK_PARENT, NULL);
	errno = error;
	return pid;
}

/*
 * What pthread_atfork(3) calls in the C library of GNU. Weak: programs of musl load us too when they
 * are executed by others, and have no helper.
 */
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
			     void *owner) __attribute__((weak));

void forks_know(void (*then)(void))
{
	then_in_child = then;
	if (__register_atfork)
		__register_atfork(before, in_parent, in_child, NULL);
}
