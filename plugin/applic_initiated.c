/* A program that asks for its own checkpoint. Not a plugin: it links with nothing. */
#include <stdio.h>

#include "dmtcp.h"

int main(void)
{
	int checkpoints, restarts;

	if (!dmtcp_is_enabled()) {
		printf("not under checkpoint control\n");
		return 0;
	}
	switch (dmtcp_checkpoint()) {
	case DMTCP_AFTER_CHECKPOINT:
		printf("after the checkpoint\n");
		break;
	case DMTCP_AFTER_RESTART:
		printf("after the restart\n");
		break;
	default:
		printf("no checkpoint\n");
	}
	dmtcp_get_local_status(&checkpoints, &restarts);
	printf("%d checkpoint(s), %d restart(s)\n", checkpoints, restarts);
	return 0;
}
