/* How the commands tell of a failure, and the status they end with. */
#ifndef FAIL_H
#define FAIL_H

#include "../common/fault.h"

/* Exit codes of the native commands; append only. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_USAGE = 1,          /* dmtcp_command, dmtcp_coordinator, dmtcp_nocheckpoint */
	EXIT_COMMAND_FAILED = 2, /* dmtcp_command; dmtcp_nocheckpoint: the program is not there */
	EXIT_FAIL = 99,          /* anything else; DMTCP_FAIL_RC chooses another */
};

/* 99, or what DMTCP_FAIL_RC says (1 to 255). */
int fail_code(void);

/* `<command>: <text>` and the remedy, on standard error. */
void fail_print(const char *command, const struct fault *fault);

#endif
