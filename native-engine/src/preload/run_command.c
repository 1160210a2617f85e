/* A command to the coordinator from within a program, as dmtcpaware.h has it. */
#include <errno.h>
#include <stddef.h>

#include "link.h"

#define ANSWER_MS 30000

__attribute__((visibility("default"))) int dmtcp_run_command(char command);

static const char *operation(char command)
{
	switch (command) {
	case 'c':
		return "checkpoint";
	case 's':
		return "status";
	case 'l':
		return "list";
	case 'k':
		return "kill";
	case 'q':
		return "quit";
	case 'f':
		return "force";
	default:
		return NULL;
	}
}

/* 0: the coordinator has taken it; -EINVAL: there is no such command; else as link_ask(). */
int dmtcp_run_command(char command)
{
	const char *op = operation(command);
	struct text answer = { 0 };
	int ret = op ? link_ask_once(op, NULL, &answer, ANSWER_MS) : -EINVAL;

	text_free(&answer);
	return ret;
}
