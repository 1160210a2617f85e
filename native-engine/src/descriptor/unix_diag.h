/* What sock_diag(7) knows of the Unix sockets of this network namespace. */
#ifndef UNIX_DIAG_H
#define UNIX_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/fault.h"

#define UNIX_NAME_BYTES 108 /* sun_path */

struct unix_info {
	uint32_t inode;
	uint32_t type;
	uint32_t state; /* TCP_ESTABLISHED, TCP_LISTEN, TCP_CLOSE */
	bool has_peer;
	uint32_t peer; /* inode; 0: not accepted yet, or closed */
	uint32_t shutdown; /* bit 0: receiving, bit 1: sending */
	uint32_t queue, backlog;
	bool has_file;
	uint32_t file_device, file_inode; /* of the name in the file system */
	uint32_t name_bytes;
	char name[UNIX_NAME_BYTES]; /* abstract ones begin with a 0 byte */
	uint32_t *waiting; /* inodes of clients that are not accepted yet, in order */
	size_t waiting_count;
};

struct unix_table {
	struct unix_info *sockets; /* ascending by inode */
	size_t count, capacity;
	/* What unix_socket.c has looked for last: all that a listener accepts have its name. */
	struct {
		uint32_t device, inode, mode;
		char *path; /* NULL: nothing yet */
		char name[256];
	} renamed;
};

int unix_table_read(struct unix_table *t, struct fault *fault);
void unix_table_free(struct unix_table *t);
/* NULL: none of this namespace. */
const struct unix_info *unix_table_find(const struct unix_table *t, uint64_t inode);

#endif
