/*
 * victim: a handler that runs on its alternate stack
 * category: process
 */
#include <stdint.h>

#include "victim.h"

static char *area;
static volatile int depth_seen;

static void on_signal(int number)
{
	char local;

	(void)number;
	depth_seen = &local >= area && &local < area + 65536;
}

/* Stays on the alternate stack over the checkpoint. */
static void long_handler(int number)
{
	stack_t now;

	(void)number;
	do {
		victim_check(sigaltstack(NULL, &now) == 0);
		victim_check(now.ss_flags == SS_ONSTACK && now.ss_sp == area);
	} while (victim_tick());
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	stack_t stack;

	area = malloc(65536);
	stack = (stack_t){ .ss_sp = area, .ss_size = 65536 };
	victim_check(sigaltstack(&stack, NULL) == 0);
	victim_check(sigaction(SIGHUP, &action, NULL) == 0);
	action.sa_handler = long_handler;
	victim_check(sigaction(SIGTERM, &action, NULL) == 0);
	victim_ready();
	raise(SIGTERM);
	victim_check(sigaltstack(NULL, &stack) == 0 && stack.ss_flags == 0);
	raise(SIGHUP);
	victim_check(depth_seen);
	return victim_ok();
}
