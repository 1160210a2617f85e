/*
 * victim: restartable sequences stay registered
 * category: threads
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/rseq.h>

#include "victim.h"

static void *live(void *unused)
{
	struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	cpu_set_t set;

	for (int cpu = 0;; cpu = !cpu) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set) == 0) {
			sched_yield();
			victim_check(*(volatile uint32_t *)&area->cpu_id == (uint32_t)cpu);
		}
		usleep(2000);
	}
	return unused;
}

static void check(void)
{
	struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);

	victim_check((int32_t)area->cpu_id >= 0);
}

int main(void)
{
	pthread_t thread;

	victim_check(__rseq_size > 0);
	victim_check(pthread_create(&thread, NULL, live, NULL) == 0);
	return victim_run(check);
}
