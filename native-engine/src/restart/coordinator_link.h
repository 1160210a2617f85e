/* What dmtcp_restart says to the coordinator: docs/local-protocol.md, restart-begin and -ready. */
#ifndef COORDINATOR_LINK_H
#define COORDINATOR_LINK_H

#include "../commands/start_coordinator.h"
#include "image_set.h"

struct coordinator_link;

struct coordinator_link_options {
	struct coordinator_choice *choice;
	const char *port_file;
	const char *checkpoint_dir; /* of later images; NULL: that of each image */
	const char *interval;       /* seconds; NULL: as it is */
};

/* Reaches a coordinator, starts one where needed, and announces the restart of @set. */
int coordinator_link_open(struct coordinator_link **out, const struct image_set *set,
			  const struct coordinator_link_options *options, struct fault *fault);
/*
 * The name service of the restart, docs/local-protocol.md. @names: an array of {name,value}, any
 * number; not taken over.
 */
int coordinator_link_publish(struct coordinator_link *link, const json_t *names,
			     struct fault *fault);
/*
 * @names: an array of texts, at most 1000. *@found: those that have been published by now or within
 * @timeout_ms, as {name,value}; the caller's. Returns 1 when the others will not come: somebody
 * wants to go on without them.
 */
int coordinator_link_resolve(struct coordinator_link *link, const json_t *names,
			     uint32_t timeout_ms, json_t **found, struct fault *fault);
/* Process of image @index exists: @pid as this host sees it. */
int coordinator_link_member(struct coordinator_link *link, size_t index, pid_t pid);
/*
 * Everything stands, under process 1 @supervisor: waits until all members of the generation, also
 * those of other hosts, may go. @turn is called several times a second with @context; what it
 * returns below 0 ends the wait.
 */
int coordinator_link_go(struct coordinator_link *link, pid_t supervisor,
			int (*turn)(void *context), void *context, struct fault *fault);
void coordinator_link_close(struct coordinator_link *link); /* NULL is fine */

#endif
