#include "unix_name.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../resource/path_here.h"
#include "../restart/rebuild.h"
#include "unix_calls.h"

bool unix_is_abstract(const struct unix_name *n)
{
	return n->bytes && !n->text[0];
}

bool unix_same_name(const struct unix_name *a, const struct unix_name *b)
{
	return a->bytes && a->bytes == b->bytes && !memcmp(a->text, b->text, a->bytes);
}

void unix_name_here(const struct image_reader *image, struct unix_name *n)
{
	char path[PATH_MAX];
	size_t bytes;

	if (n->bytes > sizeof(n->text))
		n->bytes = sizeof(n->text); /* an image may say anything */
	if (!n->bytes || n->text[0] != '/')
		return;
	snprintf(path, sizeof(path), "%.*s", (int)n->bytes, n->text);
	path_here(image, path);
	bytes = strlen(path);
	if (bytes >= sizeof(n->text))
		return; /* too long for a socket: where it was */
	memset(n->text, 0, sizeof(n->text));
	memcpy(n->text, path, bytes);
	n->bytes = bytes;
}

bool unix_view_here(const struct image_reader *image, const void *payload, size_t bytes,
		    struct unix_view *v)
{
	if (!unix_view_read(payload, bytes, v))
		return false;
	unix_name_here(image, &v->head.name);
	unix_name_here(image, &v->head.peer_name);
	if (v->directory[0])
		path_here(image, v->directory);
	if (v->peer_directory[0])
		path_here(image, v->peer_directory);
	return true;
}

static socklen_t fill_address(struct sockaddr_un *address, const char *text, size_t bytes)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (bytes > sizeof(address->sun_path))
		bytes = sizeof(address->sun_path);
	memcpy(address->sun_path, text, bytes);
	return offsetof(struct sockaddr_un, sun_path) + bytes + (bytes && text[0] &&
								 bytes < sizeof(address->sun_path));
}

/* Absolute path of a name in the file system. */
static void path_of(const struct unix_name *n, const char *directory, char *path)
{
	if (n->text[0] == '/')
		snprintf(path, PATH_MAX, "%.*s", (int)n->bytes, n->text);
	else
		snprintf(path, PATH_MAX, "%.*s/%.*s", PATH_MAX - UNIX_NAME_BYTES - 2, directory,
			 (int)n->bytes, n->text);
}

/* The file's other name, in the directory of @path. */
static void path_renamed(const struct unix_payload *u, const char *path, char *renamed)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	snprintf(renamed, PATH_MAX + UNIX_FILE_NAME_BYTES + 1, "%s/%.*s", dirname(copy),
		 UNIX_FILE_NAME_BYTES - 1, u->renamed);
}

void unix_name_owner(struct unix_payload *u, const char *directory)
{
	char name[PATH_MAX], path[PATH_MAX + UNIX_FILE_NAME_BYTES + 1];
	struct stat status;

	if (!u->name.bytes || unix_is_abstract(&u->name) || (u->name.deleted && !u->renamed[0]))
		return;
	path_of(&u->name, directory, name);
	if (u->name.deleted)
		path_renamed(u, name, path);
	else
		snprintf(path, sizeof(path), "%s", name);
	if (stat(path, &status))
		return;
	u->has_owner = 1;
	u->owner_uid = status.st_uid;
	u->owner_gid = status.st_gid;
}

/* A server that has given up root lets its users reach the socket by its owner. */
static void give_to_owner(struct rebuild *r, const struct unix_payload *u, const char *path)
{
	struct stat status;

	if (!u->has_owner || stat(path, &status) ||
	    (status.st_uid == u->owner_uid && status.st_gid == u->owner_gid))
		return;
	if (chown(path, u->owner_uid, u->owner_gid) && r->notes_fd >= 0)
		dprintf(r->notes_fd,
			"dmtcp_restart: %s: belonged to user %u, group %u, which cannot be done "
			"here: %s\n",
			path, u->owner_uid, u->owner_gid, strerror(errno));
}

/* Where a socket whose name has gone can be reached while the restart lasts. */
static void path_meanwhile(const struct unix_payload *u, const char *path, char *meanwhile)
{
	snprintf(meanwhile, PATH_MAX + 32, "%s.dmtcp-%llx", path, (unsigned long long)u->object);
}

int unix_bind_text(int fd, const struct unix_name *n, const char *directory)
{
	struct sockaddr_un address;
	socklen_t length = fill_address(&address, n->text, n->bytes);
	int before = -1, ret = 0;

	if (!unix_is_abstract(n) && n->text[0] != '/') {
		before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (before < 0 || chdir(directory)) {
			ret = -errno;
			goto out;
		}
	}
	if (bind(fd, (struct sockaddr *)&address, length))
		ret = -errno;
out:
	if (before >= 0) {
		if (fchdir(before))
			ret = ret ?: -errno;
		close(before);
	}
	return ret;
}

int unix_bind_relative(int fd, const struct unix_name *n)
{
	char place[] = "/tmp/dmtcp-name-XXXXXX", path[sizeof(place) + sizeof(n->text) + 2];
	int ret;

	if (!mkdtemp(place))
		return -errno;
	ret = unix_bind_text(fd, n, place);
	if (!ret) {
		snprintf(path, sizeof(path), "%s/%.*s", place, (int)n->bytes, n->text);
		unlink(path);
	}
	rmdir(place);
	return ret;
}

/*
 * The directories of @path that are missing: they are there until everything is connected, as the
 * socket in them.
 */
static int make_directories(struct rebuild *r, const char *path)
{
	char part[PATH_MAX];
	int ret = 0;

	for (const char *end = strchr(path + 1, '/'); end && !ret; end = strchr(end + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(end - path), path);
		if (!mkdir(part, 0700))
			ret = rebuild_add_leftover(r, part);
		else if (errno != EEXIST && errno != EACCES && errno != EROFS)
			ret = -errno;
	}
	return ret;
}

/*
 * A name that the file system does not have: what is there now goes aside for a moment, and the
 * socket stays reachable under another name until everything is connected.
 */
static int bind_deleted(struct rebuild *r, int fd, const struct unix_payload *u,
			const char *directory, const char *path)
{
	char meanwhile[PATH_MAX + 32], aside[PATH_MAX + 32];
	bool moved;
	int ret = make_directories(r, path);

	if (ret)
		return ret;
	path_meanwhile(u, path, meanwhile);
	snprintf(aside, sizeof(aside), "%s.dmtcp-aside", path);
	moved = !rename(path, aside);
	ret = unix_bind_text(fd, &u->name, directory);
	if (!ret && rename(path, meanwhile))
		ret = -errno;
	if (moved && rename(aside, path))
		ret = ret ?: -errno;
	return ret ?: rebuild_add_leftover(r, meanwhile);
}

/* What the killed program left there goes. */
static int rename_again(struct rebuild *r, const struct unix_view *v, const char *path)
{
	char meanwhile[PATH_MAX + 32], renamed[PATH_MAX + UNIX_FILE_NAME_BYTES + 1];
	struct stat status;

	path_meanwhile(&v->head, path, meanwhile);
	path_renamed(&v->head, path, renamed);
	if (!lstat(renamed, &status) && S_ISSOCK(status.st_mode))
		unlink(renamed);
	if (link(meanwhile, renamed))
		return -errno;
	give_to_owner(r, &v->head, renamed);
	chmod(renamed, v->head.name.mode);
	return 0;
}

int unix_bind_name(struct rebuild *r, int fd, const struct unix_view *v)
{
	const struct unix_name *n = &v->head.name;
	struct stat status;
	char path[PATH_MAX];
	int ret;

	if (!n->bytes)
		return 0;
	if (unix_is_abstract(n))
		return unix_bind_text(fd, n, "");
	path_of(n, v->directory, path);
	if (n->deleted) {
		ret = bind_deleted(r, fd, &v->head, v->directory, path);
		if (!ret && v->head.renamed[0])
			return rename_again(r, v, path);
		/* Its directory may have been another one, or has gone. */
		return ret && n->text[0] != '/' ? unix_bind_relative(fd, n) : ret;
	}
	/* The socket that the program left behind when it was killed. */
	if (!lstat(path, &status) && S_ISSOCK(status.st_mode))
		unlink(path);
	ret = unix_bind_text(fd, n, v->directory);
	if (!ret) {
		give_to_owner(r, &v->head, path);
		chmod(path, n->mode);
	}
	return ret;
}

socklen_t unix_address_of(const struct unix_payload *u, const struct unix_name *n,
			    const char *directory, struct sockaddr_un *address, int *directory_fd)
{
	char path[PATH_MAX], target[PATH_MAX + 32], copy[PATH_MAX + 32], text[PATH_MAX + 80];

	*directory_fd = -1;
	if (unix_is_abstract(n))
		return fill_address(address, n->text, n->bytes);
	path_of(n, directory, path);
	if (n->deleted && u)
		path_meanwhile(u, path, target);
	else
		snprintf(target, sizeof(target), "%s", path);
	/* Any path fits, by its directory's descriptor. */
	snprintf(copy, sizeof(copy), "%s", target);
	*directory_fd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(copy, sizeof(copy), "%s", target);
	snprintf(text, sizeof(text), "/proc/self/fd/%d/%s", *directory_fd, basename(copy));
	return fill_address(address, text, strlen(text));
}

int unix_connect_to(int fd, const struct unix_payload *u, const struct unix_name *n,
		    const char *directory, const struct unix_payload *as)
{
	struct sockaddr_un address;
	int directory_fd, ret;
	socklen_t length = unix_address_of(u, n, directory, &address, &directory_fd);

	ret = unix_connect_as(as, fd, &address, length);
	if (directory_fd >= 0)
		close(directory_fd);
	return ret;
}
