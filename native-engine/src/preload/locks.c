/* DmtcpMutex and DmtcpRWLock: a futex word each, nothing that a checkpoint or a fork could upset. */
#include "dmtcp.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

#define WRITTEN UINT32_MAX

/* The same after a restart. Threads are further apart than 128 bytes. */
static uint32_t own_name(void)
{
	return (uint32_t)((uintptr_t)pthread_self() >> 6) | 1;
}

static void wait_while(uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(uint32_t *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static bool swap(uint32_t *word, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(word, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

void DmtcpMutexInit(DmtcpMutex *m, DmtcpMutexType type)
{
	*m = (DmtcpMutex){ .type = type };
}

int DmtcpMutexTryLock(DmtcpMutex *m)
{
	if (m->type == DMTCP_MUTEX_RECURSIVE && m->owner == own_name()) {
		m->count++;
		return 0;
	}
	if (!swap(&m->futex, 0, 1))
		return EBUSY;
	m->owner = own_name();
	m->count = 1;
	return 0;
}

/* 0: free, 1: held, 2: held and awaited. */
int DmtcpMutexLock(DmtcpMutex *m)
{
	if (!DmtcpMutexTryLock(m))
		return 0;
	while (__atomic_exchange_n(&m->futex, 2, __ATOMIC_SEQ_CST))
		wait_while(&m->futex, 2);
	m->owner = own_name();
	m->count = 1;
	return 0;
}

int DmtcpMutexUnlock(DmtcpMutex *m)
{
	if (!m->futex || (m->type == DMTCP_MUTEX_RECURSIVE && m->owner != own_name()))
		return EPERM;
	if (--m->count)
		return 0;
	m->owner = 0;
	if (__atomic_exchange_n(&m->futex, 0, __ATOMIC_SEQ_CST) == 2)
		wake(&m->futex, 1);
	return 0;
}

void DmtcpRWLockInit(DmtcpRWLock *l)
{
	*l = (DmtcpRWLock){ 0 };
}

static int read_lock(DmtcpRWLock *l, bool pass_writers, bool once)
{
	for (;;) {
		uint32_t seen = __atomic_load_n(&l->state, __ATOMIC_SEQ_CST);
		uint32_t writers = __atomic_load_n(&l->writers, __ATOMIC_SEQ_CST);

		if (seen != WRITTEN && (pass_writers || !writers)) {
			if (swap(&l->state, seen, seen + 1))
				return 0;
			continue;
		}
		if (once)
			return EBUSY;
		if (seen == WRITTEN)
			wait_while(&l->state, seen);
		else
			wait_while(&l->writers, writers);
	}
}

int DmtcpRWLockRdLock(DmtcpRWLock *l)
{
	return read_lock(l, false, false);
}

int DmtcpRWLockRdLockIgnoreQueuedWriter(DmtcpRWLock *l)
{
	return read_lock(l, true, false);
}

int DmtcpRWLockTryRdLock(DmtcpRWLock *l)
{
	return read_lock(l, false, true);
}

int DmtcpRWLockWrLock(DmtcpRWLock *l)
{
	__atomic_add_fetch(&l->writers, 1, __ATOMIC_SEQ_CST);
	while (!swap(&l->state, 0, WRITTEN)) {
		uint32_t seen = __atomic_load_n(&l->state, __ATOMIC_SEQ_CST);

		if (seen)
			wait_while(&l->state, seen);
	}
	__atomic_sub_fetch(&l->writers, 1, __ATOMIC_SEQ_CST);
	wake(&l->writers, INT32_MAX);
	return 0;
}

int DmtcpRWLockUnlock(DmtcpRWLock *l)
{
	uint32_t seen = __atomic_load_n(&l->state, __ATOMIC_SEQ_CST);

	if (!seen)
		return EPERM;
	if (seen == WRITTEN)
		__atomic_store_n(&l->state, 0, __ATOMIC_SEQ_CST);
	else
		__atomic_sub_fetch(&l->state, 1, __ATOMIC_SEQ_CST);
	wake(&l->state, INT32_MAX);
	return 0;
}
