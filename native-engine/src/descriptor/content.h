/* The bytes of a file that nobody else keeps: carried in the image as the content of an object. */
#ifndef CONTENT_H
#define CONTENT_H

#include "descriptor.h"

/*
 * Puts @bytes of the file behind @fd into the image under @object, holes left out. @fd's position
 * is not touched. Returns when all has been read.
 */
int content_save(struct capture *c, uint64_t object, int fd, uint64_t bytes);

/* Opens what @fd is open on once more: an own file description with these open flags. -errno. */
int file_reopen(int fd, int flags);
/*
 * The same to read a regular file of the frozen program. -EWOULDBLOCK: it has a lease that this
 * would break, and open(2) would wait for the frozen holder: 45 s by default, fcntl(2).
 */
int file_reopen_reading(int fd);

#endif
