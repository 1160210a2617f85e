/*
 * victim: threads inside handlers on alternate stacks
 * category: threads
 */
#include <pthread.h>

#include "victim.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static volatile int inside[2], go;

static void on_signal(int number)
{
	int index = number == SIGUSR2;
	stack_t now;
	char here;

	victim_check(sigaltstack(NULL, &now) == 0);
	if (index) /* disarmed as long as the handler runs */
		victim_check(now.ss_flags & SS_DISABLE);
	else
		victim_check(now.ss_flags == SS_ONSTACK && &here > (char *)now.ss_sp &&
			     &here < (char *)now.ss_sp + now.ss_size);
	inside[index] = 1;
	while (!go)
		usleep(1000);
	victim_check(sigaltstack(NULL, &now) == 0);
	victim_check(index ? now.ss_flags & SS_DISABLE : now.ss_flags == SS_ONSTACK);
}

static void *live(void *argument)
{
	long index = (long)argument;
	stack_t stack = { .ss_size = 65536, .ss_flags = index ? (int)SS_AUTODISARM : 0 }, now;

	stack.ss_sp = malloc(stack.ss_size);
	victim_check(sigaltstack(&stack, NULL) == 0);
	victim_check(pthread_kill(pthread_self(), index ? SIGUSR2 : SIGURG) == 0);
	victim_check(sigaltstack(NULL, &now) == 0);
	victim_check(now.ss_sp == stack.ss_sp && now.ss_size == stack.ss_size);
	victim_check(now.ss_flags == stack.ss_flags);
	return NULL;
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	pthread_t threads[2];

	victim_check(sigaction(SIGURG, &action, NULL) == 0);
	victim_check(sigaction(SIGUSR2, &action, NULL) == 0);
	for (long i = 0; i < 2; i++)
		victim_check(pthread_create(&threads[i], NULL, live, (void *)i) == 0);
	while (!inside[0] || !inside[1])
		usleep(1000);
	victim_ready();
	while (victim_tick())
		;
	go = 1;
	for (int i = 0; i < 2; i++)
		victim_check(pthread_join(threads[i], NULL) == 0);
	return victim_ok();
}
