#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/proc.h"

int file_reopen(int fd, int flags)
{
	char path[40];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* the path is a link itself: O_NOFOLLOW, as of shm_open(3), would find ELOOP */
	again = open(path, (flags & ~O_NOFOLLOW) | O_CLOEXEC | O_NOCTTY);
	return again < 0 ? -errno : again;
}

/* As fdinfo tells, proc_locks(5). Those of reading do not mind readers. */
static bool has_lease_of_writing(int fd)
{
	char name[32], state[16], type[16], *text;
	bool found = false;

	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	if (proc_read_text(getpid(), name, &text, NULL))
		return false;
	for (const char *line = text; !found && (line = strstr(line, "lock:")); line++)
		found = sscanf(line, "lock:\t%*d: LEASE %15s %15s", state, type) == 2 &&
			(strcmp(state, "ACTIVE") || strcmp(type, "READ"));
	free(text);
	return found;
}

int file_reopen_reading(int fd)
{
	if (has_lease_of_writing(fd))
		return -EWOULDBLOCK;
	return file_reopen(fd, O_RDONLY | O_NONBLOCK);
}

int content_save(struct capture *c, uint64_t object, int fd, uint64_t bytes)
{
	/* SEEK_DATA moves the position, and that of a duplicate is the program's. */
	int own = file_reopen_reading(fd);
	uint64_t offset = 0;
	int ret = 0, flushed;

	/* no permission by now, or a lease: then the duplicate, if it may read, without seeking */
	if (own < 0) {
		ret = image_writer_add_fd(c->image, object, fd, 0, bytes, c->fault);
		offset = bytes;
	}
	while (!ret && offset < bytes) {
		off_t data = lseek(own, offset, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break; /* only a hole is left */
		if (data < 0)
			data = offset; /* a file system without SEEK_DATA */
		hole = lseek(own, data, SEEK_HOLE);
		if (hole < 0 || (uint64_t)hole > bytes)
			hole = bytes;
		if ((uint64_t)data >= bytes)
			break;
		ret = image_writer_add_fd(c->image, object, own, data, hole - data, c->fault);
		offset = hole;
	}
	/* The writer's threads read from the descriptor: it stays open until they have. */
	flushed = image_writer_flush_frozen(c->image, c->fault);
	if (own >= 0)
		close(own);
	return ret < 0 ? ret : flushed;
}
