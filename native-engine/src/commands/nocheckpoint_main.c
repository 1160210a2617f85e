/* dmtcp_nocheckpoint: runs a program outside the computation that starts it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "options.h"
#include "outside.h"

int main(int argc, char **argv)
{
	struct fault fault = { 0 };

	fail_prepare(false);
	if (argc > 1 && !strcmp(argv[1], "--help")) {
		options_help("nocheckpoint");
		return fail_flush("dmtcp_nocheckpoint", EXIT_USAGE);
	}
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		options_version("nocheckpoint");
		return fail_flush("dmtcp_nocheckpoint", EXIT_USAGE);
	}
	if (argc < 2) {
		fault_set(&fault, EINVAL, "bad-option", "no program is given");
		fail_print("dmtcp_nocheckpoint", &fault);
		return EXIT_USAGE;
	}
	outside_environment();
	execvp(argv[1], argv + 1);
	fault_set(&fault, errno, errno == ENOENT ? "program-missing" : "program-not-executable",
		  "%s: %s", argv[1], strerror(errno));
	fail_print("dmtcp_nocheckpoint", &fault);
	return EXIT_COMMAND_FAILED;
}
