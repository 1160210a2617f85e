/* Names of Unix sockets are names of files: path virtualisation for them. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "paths.h"

#define HEAD offsetof(struct sockaddr_un, sun_path)

/* A name in the file system: not none, and no abstract one. */
static bool is_path(const void *address, socklen_t bytes)
{
	const struct sockaddr_un *a = address;

	return a && bytes > HEAD && a->sun_family == AF_UNIX && a->sun_path[0];
}

/*
 * Lets *@address point to @real, where the socket really is, if it has a name. -1 with errno: that is
 * too long for a socket, although the program's was not.
 */
static int translate(const void **address, socklen_t *bytes, struct sockaddr_un *real)
{
	PATH_ROOM(given);
	PATH_ROOM(room);
	const char *path;
	size_t length;

	/* One longer than any is for the kernel to refuse. */
	if (!dmtcp_internal_translates() || *bytes > sizeof(struct sockaddr_storage) ||
	    !is_path(*address, *bytes))
		return 0;
	given = path_room_take();
	if (!given)
		return 0;
	length = strnlen(((const struct sockaddr_un *)*address)->sun_path, *bytes - HEAD);
	memcpy(given, ((const struct sockaddr_un *)*address)->sun_path, length);
	given[length] = 0;
	path = REAL_PATH(given, room);
	if (!strcmp(path, given))
		return 0;
	length = strlen(path);
	if (length >= sizeof(real->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	real->sun_family = AF_UNIX;
	memcpy(real->sun_path, path, length + 1);
	*address = real;
	*bytes = HEAD + length + 1;
	return 0;
}

int bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
	const void *to = address;
	struct sockaddr_un real;

	if (translate(&to, &bytes, &real))
		return -1;
	return NEXT_FNC(bind)(fd, (const struct sockaddr *)to, bytes);
}

int connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
	const void *to = address;
	struct sockaddr_un real;

	if (translate(&to, &bytes, &real))
		return -1;
	return NEXT_FNC(connect)(fd, (const struct sockaddr *)to, bytes);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *address,
	       socklen_t bytes)
{
	const void *to = address;
	struct sockaddr_un real;

	if (translate(&to, &bytes, &real))
		return -1;
	return NEXT_FNC(sendto)(fd, data, size, flags, (const struct sockaddr *)to, bytes);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct msghdr changed;
	struct sockaddr_un real;
	const void *to;
	socklen_t bytes;

	if (!message || !message->msg_name)
		return NEXT_FNC(sendmsg)(fd, message, flags);
	to = message->msg_name;
	bytes = message->msg_namelen;
	if (translate(&to, &bytes, &real))
		return -1;
	changed = *message;
	changed.msg_name = (void *)to;
	changed.msg_namelen = bytes;
	return NEXT_FNC(sendmsg)(fd, &changed, flags);
}

/* ---- answers ---- */

/* @own, @got bytes of it, as the program names it, to @out with its room in *@bytes. */
static void give(const struct sockaddr_storage *own, socklen_t got, void *out, socklen_t *bytes)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	const void *answer = own;
	PATH_ROOM(path);
	size_t length;

	if (is_path(own, got) && (path = path_room_take())) {
		length = strnlen(((const struct sockaddr_un *)own)->sun_path, got - HEAD);
		memcpy(path, ((const struct sockaddr_un *)own)->sun_path, length);
		path[length] = 0;
		dmtcp_internal_virtual_path(path);
		length = strlen(path);
		if (length < sizeof(name.sun_path)) {
			memcpy(name.sun_path, path, length);
			answer = &name;
			got = HEAD + length + 1;
		}
	}
	memcpy(out, answer, got < *bytes ? got : *bytes);
	*bytes = got;
}

/* `TYPE NAME(PARAMETERS)` that answers with a name into @address, if it is asked for one. */
#define ANSWERS(type, name, parameters, last, ...)                                              \
	type name parameters                                                                     \
	{                                                                                        \
		struct sockaddr_storage own;                                                     \
		socklen_t got = sizeof(own);                                                     \
		struct sockaddr *to = (struct sockaddr *)&own;                                   \
		type ret;                                                                        \
                                                                                                 \
		if (!address || !bytes || !dmtcp_internal_translates())                          \
			return NEXT_FNC(name)(__VA_ARGS__, address, bytes last);                \
		ret = NEXT_FNC(name)(__VA_ARGS__, to, &got last);                               \
		if (ret >= 0)                                                                    \
			give(&own, got, address, bytes);                                         \
		return ret;                                                                      \
	}

#define NOTHING
#define AND_FLAGS , flags

ANSWERS(int, getsockname, (int fd, struct sockaddr *address, socklen_t *bytes), NOTHING, fd)
ANSWERS(int, getpeername, (int fd, struct sockaddr *address, socklen_t *bytes), NOTHING, fd)
ANSWERS(int, accept, (int fd, struct sockaddr *address, socklen_t *bytes), NOTHING, fd)
ANSWERS(int, accept4, (int fd, struct sockaddr *address, socklen_t *bytes, int flags), AND_FLAGS, fd)
ANSWERS(ssize_t, recvfrom, (int fd, void *data, size_t size, int flags, struct sockaddr *address,
			    socklen_t *bytes), NOTHING, fd, data, size, flags)

/* With _FORTIFY_SOURCE. */
ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t data_bytes, int flags,
		       struct sockaddr *address, socklen_t *bytes);
ANSWERS(ssize_t, __recvfrom_chk, (int fd, void *data, size_t size, size_t data_bytes, int flags,
				  struct sockaddr *address, socklen_t *bytes), NOTHING, fd, data,
	size, data_bytes, flags)

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	struct sockaddr_storage own;
	socklen_t room;
	void *name;
	ssize_t ret;

	if (!message || !message->msg_name || !dmtcp_internal_translates())
		return NEXT_FNC(recvmsg)(fd, message, flags);
	name = message->msg_name;
	room = message->msg_namelen;
	message->msg_name = &own;
	message->msg_namelen = sizeof(own);
	ret = NEXT_FNC(recvmsg)(fd, message, flags);
	if (ret >= 0)
		give(&own, message->msg_namelen, name, &room);
	message->msg_name = name;
	message->msg_namelen = room;
	return ret;
}
