#include "per_thread.h"

#include <pthread.h>
#include <string.h>

_Static_assert(sizeof(struct per_thread) <= sizeof(void *), "it is the value of a key itself");

#define NONE (-1)

static int key = NONE; /* made by the first that has something to keep */

static int make_key(void)
{
	pthread_key_t made;
	int found = NONE;

	if (pthread_key_create(&made, NULL))
		return NONE;
	if (__atomic_compare_exchange_n(&key, &found, (int)made, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST))
		return made;
	pthread_key_delete(made); /* another thread was faster */
	return found;
}

void per_thread_begin(void)
{
	if (__atomic_load_n(&key, __ATOMIC_SEQ_CST) == NONE)
		make_key();
}

struct per_thread per_thread_get(void)
{
	int known = __atomic_load_n(&key, __ATOMIC_SEQ_CST);
	void *value = known == NONE ? NULL : pthread_getspecific(known);
	struct per_thread now;

	memcpy(&now, &value, sizeof(now));
	return now;
}

bool per_thread_set(struct per_thread now)
{
	int known = __atomic_load_n(&key, __ATOMIC_SEQ_CST);
	void *value = NULL;

	memcpy(&value, &now, sizeof(now));
	if (known == NONE && !value)
		return true;
	if (known == NONE)
		known = make_key();
	return known != NONE && !pthread_setspecific(known, value);
}
