/* Names of Unix sockets while they are restored. */
#ifndef UNIX_NAME_H
#define UNIX_NAME_H

#include <sys/socket.h>
#include <sys/un.h>

#include "unix_socket.h"

bool unix_is_abstract(const struct unix_name *n);
bool unix_same_name(const struct unix_name *a, const struct unix_name *b);

/* A name, or a view with all of its names, as path_here() says. */
void unix_name_here(const struct image_reader *image, struct unix_name *n);
/* false: as unix_view_read(). */
bool unix_view_here(const struct image_reader *image, const void *payload, size_t bytes,
		    struct unix_view *v);

/* Notes whose the file of @u's name is; a relative one is in @directory. */
void unix_name_owner(struct unix_payload *u, const char *directory);

/* bind(2) to the very text of the name, in the directory where it was bound. -errno. */
int unix_bind_text(int fd, const struct unix_name *n, const char *directory);
/*
 * A relative name means the same in any directory to who is told it: one where we may make it, for a
 * moment. -errno.
 */
int unix_bind_relative(int fd, const struct unix_name *n);
/*
 * Gives @fd the name that it had, if any; one that the file system does not have for as long as the
 * restart lasts. -errno.
 */
int unix_bind_name(struct rebuild *r, int fd, const struct unix_view *v);

/*
 * The address by which the socket of name @n can be reached now; @u: its payload, NULL for one
 * outside. @directory_fd is to be closed afterwards.
 */
socklen_t unix_address_of(const struct unix_payload *u, const struct unix_name *n,
			  const char *directory, struct sockaddr_un *address, int *directory_fd);
/*
 * connect(2) to it. @as: the socket whose peer this one will be; NULL: nobody will ask who
 * connected. -errno.
 */
int unix_connect_to(int fd, const struct unix_payload *u, const struct unix_name *n,
		    const char *directory, const struct unix_payload *as);

#endif
