/* dmtcp_nocheckpoint: runs a program outside the computation that starts it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "outside.h"

int main(int argc, char **argv)
{
	if (argc < 2 || !strcmp(argv[1], "--help")) {
		fprintf(argc < 2 ? stderr : stdout,
			"Usage: dmtcp_nocheckpoint PROGRAM [ARGUMENTS...]\n"
			"Runs a program outside the computation that starts it.\n");
		return argc < 2 ? EXIT_USAGE : EXIT_DONE;
	}
	outside_environment();
	execvp(argv[1], argv + 1);
	fprintf(stderr, "dmtcp_nocheckpoint: %s: %s\n", argv[1], strerror(errno));
	return EXIT_COMMAND_FAILED;
}
