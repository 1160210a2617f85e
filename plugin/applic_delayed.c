/* A program that allows no checkpoint between two lines. Argument: a file whose coming ends the wait. */
#include <stdio.h>
#include <unistd.h>

#include "dmtcp.h"

int main(int argc, char **argv)
{
	if (argc < 2 || dmtcp_disable_ckpt() != 1)
		return 1;
	printf("critical\n");
	fflush(stdout);
	while (access(argv[1], F_OK))
		usleep(10000);
	printf("uncritical\n");
	fflush(stdout);
	dmtcp_enable_ckpt();
	for (;;)
		pause();
}
