/* dmtcp_restart in the user's terminal: starts the builder and stands for the restarted program. */
#ifndef FRONT_H
#define FRONT_H

#include "image_set.h"
#include "restart_progress.h"

struct coordinator_link; /* NULL: without a coordinator */

struct front_options {
	bool quiet; /* no warnings */
	struct restart_progress *progress;
	struct coordinator_link *coordinator;
};

/*
 * Restarts the images, closes @set, and stays until the program they stand for has ended. Returns
 * its wait status in *@status, or -errno with a fault when nothing has been restarted. Ends with
 * the user's terminal as it was.
 */
int front_run(struct image_set *set, const struct front_options *options, int *status,
	      struct fault *fault);

#endif
