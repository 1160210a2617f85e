#include "forks.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "plugins.h"

static void (*then_in_child)(void);

/*
 * The C library calls the handlers of the parent also when there is no child, and does not tell them. It
 * sets errno only then; other handlers that run before ours may have set it too.
 */
static __thread struct {
	bool wrapped;  /* forks_fork() will know */
	bool undecided; /* and has to raise the event */
	int error;     /* errno from before */
} here;

static void before(void)
{
	plugins_raise(DMTCP_EVENT_ATFORK_PREPARE, NULL);
	here.undecided = false;
	here.error = errno;
	errno = 0;
}

static void in_parent(void)
{
	int error = errno;

	if (error && here.wrapped)
		here.undecided = true;
	else
		plugins_raise(error == EAGAIN || error == ENOMEM ? DMTCP_EVENT_ATFORK_FAILED :
								    DMTCP_EVENT_ATFORK_PARENT, NULL);
	errno = error ? error : here.error;
}

static void in_child(void)
{
	errno = here.error;
	here.wrapped = here.undecided = false;
	then_in_child();
}

pid_t forks_fork(pid_t (*next)(void))
{
	pid_t pid;
	int error;

	here.wrapped = true;
	pid = next();
	if (!pid)
		return 0;
	error = errno;
	here.wrapped = false;
	if (here.undecided)
		plugins_raise(pid < 0 ? DMTCP_EVENT_ATFORK_FAILED : DMTCP_EVENT_ATFORK_PARENT, NULL);
	here.undecided = false;
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
