/* PTHREAD_START, PTHREAD_EXIT and PTHREAD_RETURN. */
#include <pthread.h>
#include <stdlib.h>

#include "../preload/for_wrappers.h"

struct start {
	void *(*function)(void *);
	void *argument;
};

static void *run(void *given)
{
	struct start start = *(struct start *)given;
	void *result;

	free(given);
	dmtcp_internal_raise(DMTCP_EVENT_PTHREAD_START, NULL);
	result = start.function(start.argument);
	dmtcp_internal_raise(DMTCP_EVENT_PTHREAD_RETURN, NULL);
	return result;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
		   void *argument)
{
	struct start *start = malloc(sizeof(*start));
	int ret;

	if (!start)
		return NEXT_FNC(pthread_create)(thread, attributes, function, argument);
	*start = (struct start){ function, argument };
	ret = NEXT_FNC(pthread_create)(thread, attributes, run, start);
	if (ret)
		free(start);
	return ret;
}

void pthread_exit(void *result)
{
	if (dmtcp_internal_in_hook())
		dmtcp_internal_leave_hook("it called pthread_exit()");
	dmtcp_internal_raise(DMTCP_EVENT_PTHREAD_EXIT, NULL);
	NEXT_FNC(pthread_exit)(result);
	__builtin_unreachable();
}
