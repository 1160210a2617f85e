/* Calls the interface for the first time when a file appears: it has no helper thread until then. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dmtcp.h"

int main(int argc, char **argv)
{
	for (int i = 1; argc > 1; i++) {
		printf("tick %d\n", i);
		fflush(stdout);
		if (!access(argv[1], F_OK))
			break;
		usleep(100000);
	}
	for (int i = 0; i < 2; i++) {
		int peers = -1, running = -1, ret = dmtcp_checkpoint();

		dmtcp_get_coordinator_status(&peers, &running);
		printf("%s, %d peer(s)\n", ret == DMTCP_AFTER_CHECKPOINT ? "after the checkpoint" :
		       ret == DMTCP_AFTER_RESTART ? "after the restart" : "failed", peers);
		fflush(stdout);
	}
	return 0;
}
