/* Pseudo terminals whose master belongs to a member. */
#ifndef PTY_H
#define PTY_H

#include "inventory.h"

struct pty {
	int index; /* N of /dev/pts/N */
	uint32_t device; /* of the slave, as in /proc/PID/stat */
	struct inventory_entry *master;
	struct buffer to_slave;  /* typed and not read */
	struct buffer to_master; /* printed and not read */
};

struct pty_table {
	struct pty *ptys;
	size_t count;
};

void pty_table_free(struct pty_table *t);
/* The one whose slave has this device number, or NULL. */
struct pty *pty_find(struct pty_table *t, uint32_t device);

/*
 * Takes what is queued in both directions out of the pty of @master and puts it back: there is no
 * way to look at it only. Nobody else may use the pty meanwhile.
 */
int pty_copy_queues(int master, struct buffer *to_slave, struct buffer *to_master);
/*
 * Puts bytes into the queue towards the slave or the master. @slave, @master: open on the two ends.
 */
int pty_put(int master, int slave, const void *to_slave, size_t to_slave_bytes,
	    const void *to_master, size_t to_master_bytes);

#endif
