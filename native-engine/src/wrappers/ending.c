/* A hook that wants to end the program only ends itself. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../preload/for_wrappers.h"

void exit(int status)
{
	if (dmtcp_internal_in_hook())
		dmtcp_internal_leave_hook("it called exit()");
	NEXT_FNC(exit)(status);
	__builtin_unreachable();
}

void _exit(int status)
{
	if (dmtcp_internal_in_hook())
		dmtcp_internal_leave_hook("it called _exit()");
	NEXT_FNC(_exit)(status);
	__builtin_unreachable();
}

void _Exit(int status)
{
	_exit(status);
}

void abort(void)
{
	if (dmtcp_internal_in_hook())
		dmtcp_internal_leave_hook("it called abort(), as an exception that nobody catches does");
	NEXT_FNC(abort)();
	__builtin_unreachable();
}
