/*
 * Victims of several processes. Each one checks itself and beats; the first watches the others.
 * They end with it. What they share is a page of shared memory.
 */
#ifndef FAMILY_H
#define FAMILY_H

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

#define FAMILY_AT_MOST 128

struct family {
	volatile pid_t root;
	volatile unsigned int count;
	volatile int quit;
	struct family_member {
		volatile pid_t pid, parent, group, session;
		volatile unsigned int beats;
		volatile int silent; /* stopped or a zombie: no beats are expected */
		unsigned int beats_before;
	} members[FAMILY_AT_MOST];
	char error[256];
};

static struct family *family;
static struct family_member *family_me;

/* In the first process, before any other is made. */
static inline void family_start(void)
{
	family = mmap(NULL, sizeof(*family), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	victim_check(family != MAP_FAILED);
	family->root = getpid();
}

static inline void family_pause(unsigned int ms)
{
	struct timespec pause = { .tv_nsec = ms * 1000000l };

	nanosleep(&pause, NULL);
}

/* Registers the caller, whose place in the tree is what it is now. */
static inline struct family_member *family_join(void)
{
	unsigned int place = __atomic_fetch_add(&family->count, 1, __ATOMIC_SEQ_CST);

	victim_check(place < FAMILY_AT_MOST);
	family_me = &family->members[place];
	family_me->parent = getppid();
	family_me->group = getpgrp();
	family_me->session = getsid(0);
	family_me->pid = getpid();
	return family_me;
}

/* As family_check for another process than the first: the error goes to it. */
static inline void family_check_place(struct family_member *m)
{
	if (getpid() == m->pid && getppid() == m->parent && getpgrp() == m->group &&
	    getsid(0) == m->session)
		return;
	snprintf(family->error, sizeof(family->error),
		 "pid %d parent %d group %d session %d instead of %d %d %d %d", getpid(),
		 getppid(), getpgrp(), getsid(0), m->pid, m->parent, m->group, m->session);
}

/* One round of a process that is not the first; false: the end. */
static inline bool family_beat(struct family_member *m, void (*check)(void))
{
	if (family->quit || (kill(family->root, 0) && errno == ESRCH))
		return false;
	family_check_place(m);
	if (check)
		check();
	m->beats++;
	family_pause(20);
	return true;
}

/* The life of a process that is not the first. */
static inline void __attribute__((noreturn)) family_live(void (*check)(void))
{
	struct family_member *m = family_join();

	while (family_beat(m, check))
		;
	_exit(0);
}

/* Waits until @count processes have joined. */
static inline void family_await(unsigned int count)
{
	for (int i = 0; i < 500 && family->count < count; i++)
		family_pause(10);
	victim_check(family->count == count);
	for (unsigned int n = 0; n < count; n++)
		for (int i = 0; i < 500 && !family->members[n].pid; i++)
			family_pause(10);
}

/* In the first process: everyone is there and has beaten since the last look. */
static inline void family_watch(void)
{
	for (unsigned int n = 0; n < family->count; n++) {
		struct family_member *m = &family->members[n];

		if (kill(m->pid, 0))
			victim_bad("process %d has gone: %s", m->pid, family->error);
		if (m->silent)
			continue;
		for (int i = 0; i < 200 && m->beats == m->beats_before; i++)
			family_pause(10);
		if (m->beats == m->beats_before)
			victim_bad("process %d stands still", m->pid);
		m->beats_before = m->beats;
	}
	if (family->error[0])
		victim_bad("%s", family->error);
}

/* A member that leaves the tree as daemons do,: twice forked. @first: before the second time. */
static inline void family_start_daemon(void (*first)(void))
{
	if (fork() == 0) {
		setsid();
		if (first)
			first();
		pid_t between = getpid();

		if (fork() == 0) {
			for (int i = 0; i < 500 && getppid() == between; i++)
				family_pause(5);
			victim_check(getppid() != between);
			family_live(NULL);
		}
		family_pause(20);
		_exit(0);
	}
	victim_check(wait(NULL) > 0);
	family_await(1);
}

/* The whole life of the first process; @check may be NULL. */
static inline int family_run(void (*check)(void))
{
	struct family_member first = {
		.pid = getpid(), .parent = getppid(), .group = getpgrp(), .session = getsid(0),
	};

	victim_ready();
	do {
		family_check_place(&first);
		family_watch();
		if (check)
			check();
	} while (victim_tick());
	family_watch();
	if (check)
		check();
	family->quit = 1;
	return victim_ok();
}

/* Any clone(2) without a new stack: the flags must not contain CLONE_VM. */
static inline pid_t family_clone(unsigned long flags)
{
	return syscall(SYS_clone, flags, NULL, NULL, NULL, 0);
}

#endif
