/*
 * victim: threads with a nice value, affinity, policy, priorities and time slack of their own
 * category: threads
 * scenarios: cycles twice
 * link: -pthread
 */
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "victim.h"

#define THREADS 4

struct shown {
	int nice, policy, io, slack, cpus, reset, death, mce;
	char name[16];
};

static struct shown before[THREADS];
static volatile int ready[THREADS], rounds[THREADS];
static volatile int bad = -1;

static void show(struct shown *s)
{
	cpu_set_t set;

	memset(s, 0, sizeof(*s));
	s->nice = getpriority(PRIO_PROCESS, syscall(SYS_gettid));
	s->policy = sched_getscheduler(syscall(SYS_gettid));
	s->io = syscall(SYS_ioprio_get, 1, 0);
	s->slack = prctl(PR_GET_TIMERSLACK);
	sched_getaffinity(0, sizeof(set), &set);
	s->cpus = CPU_COUNT(&set);
	prctl(PR_GET_PDEATHSIG, &s->death);
	s->mce = prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
	prctl(PR_GET_NAME, s->name);
}

static void *run(void *argument)
{
	static const int policies[THREADS] = { SCHED_OTHER, SCHED_BATCH, SCHED_IDLE,
					       SCHED_BATCH | SCHED_RESET_ON_FORK };
	static const int io[THREADS] = { 2 << 13 | 1, 3 << 13, 2 << 13 | 7, 0 };
	static const int mce[THREADS] = { PR_MCE_KILL_LATE, PR_MCE_KILL_EARLY, PR_MCE_KILL_DEFAULT,
					  PR_MCE_KILL_EARLY };
	int n = (int)(long)argument;
	struct sched_param parameters = { 0 };
	struct shown now;
	cpu_set_t set;
	char name[16];

	setpriority(PRIO_PROCESS, syscall(SYS_gettid), 3 + n);
	victim_check(!sched_setscheduler(0, policies[n], &parameters));
	victim_check(!syscall(SYS_ioprio_set, 1, 0, io[n]));
	victim_check(!prctl(PR_SET_TIMERSLACK, 1000 * (n + 1)));
	victim_check(!prctl(PR_SET_PDEATHSIG, n ? SIGRTMIN + n : 0));
	victim_check(!prctl(PR_MCE_KILL, PR_MCE_KILL_SET, mce[n], 0, 0));
	if (n == 1) {
		CPU_ZERO(&set);
		CPU_SET(0, &set);
		victim_check(!sched_setaffinity(0, sizeof(set), &set));
	}
	snprintf(name, sizeof(name), "o)ther (%d", n);
	prctl(PR_SET_NAME, name);
	show(&before[n]);
	ready[n] = 1;
	for (;; rounds[n]++) {
		usleep(20000);
		show(&now);
		if (memcmp(&now, &before[n], sizeof(now)))
			bad = n;
	}
	return NULL;
}

static void check(void)
{
	if (bad >= 0)
		victim_bad("thread %d has other attributes", bad);
}

int main(void)
{
	pthread_t thread;

	for (long n = 0; n < THREADS; n++) {
		victim_check(!pthread_create(&thread, NULL, run, (void *)n));
		while (!ready[n])
			usleep(1000);
	}
	return victim_run(check);
}
