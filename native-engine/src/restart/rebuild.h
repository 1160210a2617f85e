/* One dmtcp_restart on this host: images, and the objects their processes will share. */
#ifndef REBUILD_H
#define REBUILD_H

#include "../resource/resource.h"

struct rebuild {
	struct image_reader **images;
	size_t image_count;
	int reserved_from; /* descriptors at and above this number are the builder's own */
	int terminal_slave_fd; /* of the terminal that the processes get; -1: none */
	char terminal_path[64];
	int stdio[3];          /* dmtcp_restart's own 0, 1, 2 */
	unsigned int workers;
	bool user_namespace;   /* we are root only inside our own */
	struct shared_table *objects; /* id -> descriptor; shared.c */
};

/* Descriptor (>= reserved_from) of the object or file with this id, or -1. */
int rebuild_lookup(struct rebuild *r, uint64_t id);
/* Moves @fd to the reserved range and remembers it under @id. Closes @fd. */
int rebuild_remember(struct rebuild *r, uint64_t id, int fd, struct fault *fault);

#endif
