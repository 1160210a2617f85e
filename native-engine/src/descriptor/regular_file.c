/*
 * Regular files. By default reopened by path; the content of a file that no path leads to any more
 * (deleted while open), of files in memory (tmpfs) or used as memory, and with --ckpt-open-files of
 * all, is carried in the image.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../common/plugin_area.h"
#include "../engine/round.h"
#include "../resource/memory.h"
#include "../resource/path_here.h"
#include "../resource/plugin_choices.h"
#include "../restart/rebuild.h"
#include "content.h"
#include "file_identity.h"
#include "inventory.h"
#include "kinds.h"

enum regular_state { /* part of the image format */
	REGULAR_BY_PATH = 0,
	REGULAR_DELETED = 1, /* has no path: @path is what it was */
	REGULAR_SAVED = 2,   /* has a path, content is carried as well */
	REGULAR_VIRTUAL = 3, /* made up by the kernel: nothing to compare */
};

struct regular_payload {
	uint32_t bytes; /* of this struct */
	uint32_t state;
	uint32_t overwrite; /* --allow-file-overwrite */
	/* tmpfs, or small and written through a mapping: state of the program */
	uint32_t in_memory;
	uint64_t object;    /* of the inode, round-wide */
	struct file_identity identity;
	/* tail: path */
};

#define DELETED_SUFFIX " (deleted)"

/*
 * A file up to this size that is written through a mapping is carried as memory is: the program may
 * change it at any moment without a system call (a JVM's performance data, every 50 ms).
 */
#define MAPPED_MEMORY_BYTES (1 << 20)

static bool regular_claims(const struct descriptor_view *d)
{
	return S_ISREG(d->status.st_mode) && d->link[0] == '/' && d->filesystem != SECRETMEM_MAGIC;
}

/* @link without the kernel's suffix; true if the file is not found by it any more. */
static bool path_is_lost(const struct descriptor_view *d, char *path, size_t capacity)
{
	size_t length = strlen(d->link), suffix = strlen(DELETED_SUFFIX);
	struct stat now;

	snprintf(path, capacity, "%s", d->link);
	if (d->status.st_nlink && (length <= suffix || strcmp(d->link + length - suffix,
			DELETED_SUFFIX)))
		return false;
	/* A name may really end in " (deleted)": then it is found. */
	if (d->status.st_nlink && !stat(d->link, &now) && now.st_dev == d->status.st_dev &&
	    now.st_ino == d->status.st_ino)
		return false;
	if (length > suffix && length - suffix < capacity &&
	    !strcmp(d->link + length - suffix, DELETED_SUFFIX))
		path[length - suffix] = 0;
	return true;
}

/* What dmtcp_launch left in the environment of its program. */
static bool environment_has(pid_t pid, const char *name)
{
	size_t length = strlen(name);
	char path[40], *line = NULL;
	size_t capacity = 0;
	bool found = false;
	FILE *environment;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	environment = fopen(path, "re");
	if (!environment)
		return false;
	while (!found && getdelim(&line, &capacity, 0, environment) > 0)
		found = !strncmp(line, name, length) && line[length] == '=';
	free(line);
	fclose(environment);
	return found;
}

/* Asked once per process, not per file. */
static bool may_overwrite(struct capture *c)
{
	struct inventory *i = c->round->descriptors;

	if (i->overwrite_of != c->process) {
		i->overwrite_of = c->process;
		i->overwrite = environment_has(c->process->pid,
					       "DMTCP_ALLOW_OVERWRITE_WITH_CKPTED_FILES");
	}
	return i->overwrite;
}

/*
 * True once per round and inode. Another member may have met the file before without saving it: the
 * object's own id tells nothing. No file system counts inodes down from the top.
 */
static bool first_to_save(struct capture *c, const struct stat *status)
{
	bool first;

	round_inode_id(c->round, status->st_dev, ~(uint64_t)status->st_ino, &first);
	return first;
}

static int regular_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			   struct buffer *payload)
{
	struct regular_payload r = { .bytes = sizeof(r) };
	uint32_t choice = plugin_file_choice(c->process, &d->status);
	char path[PATH_MAX + 16];
	int readable = d->borrowed, own = -1, ret = 0;
	bool is_new;

	(void)file_id;
	r.in_memory = d->filesystem == TMPFS_MAGIC ||
		      (d->written_through_mapping && d->status.st_size <= MAPPED_MEMORY_BYTES);
	r.object = round_inode_id(c->round, d->status.st_dev, d->status.st_ino, &is_new);
	if ((d->flags & O_ACCMODE) == O_WRONLY)
		readable = own = file_reopen_reading(d->borrowed);
	if (filesystem_is_virtual(d->filesystem))
		r.state = REGULAR_VIRTUAL;
	else if (path_is_lost(d, path, sizeof(path)))
		r.state = REGULAR_DELETED;
	else if (r.in_memory || choice & PLUGIN_FILE_SAVE ||
		 (c->open_files && d->status.st_uid == geteuid()))
		r.state = REGULAR_SAVED;
	if (r.state == REGULAR_VIRTUAL)
		snprintf(path, sizeof(path), "%s", d->link);
	else
		file_identity_take(&r.identity, &d->status,
				   r.state == REGULAR_DELETED ? -1 : readable);
	if (r.state == REGULAR_BY_PATH || r.state == REGULAR_SAVED)
		r.overwrite = choice & PLUGIN_FILE_OVERWRITE || may_overwrite(c);
	if (r.state == REGULAR_DELETED || r.state == REGULAR_SAVED) {
		if (readable < 0)
			ret = fault_set(c->fault, EACCES, "not-supported",
					"process %d: descriptor %d (%s): its content must be saved but "
					"cannot be read%s", c->process->virtual_pid, d->number, d->link,
					readable == -EWOULDBLOCK ? " without breaking its lease" : "");
		else if (first_to_save(c, &d->status))
			ret = content_save(c, r.object, readable, d->status.st_size);
	}
	if (own >= 0)
		close(own);
	buffer_append(payload, &r, sizeof(r));
	buffer_append(payload, path, strlen(path));
	return ret;
}

/* ---- restore ---- */

enum plan { PLAN_OPEN, PLAN_CREATE, PLAN_REPLACE, PLAN_GHOST };

/* @image: its path as it is here; NULL: as it was. */
static void read_payload(const struct image_reader *image, const void *payload, size_t bytes,
			 struct regular_payload *r, char *path)
{
	const char *tail;
	size_t length;

	file_payload_head(payload, bytes, r, sizeof(*r));
	tail = file_payload_tail(payload, bytes, &length);
	if (length >= PATH_MAX)
		length = PATH_MAX - 1;
	memcpy(path, tail, length);
	path[length] = 0;
	if (image && r->state != REGULAR_VIRTUAL)
		path_here(image, path);
}

/*
 * What becomes of the file, looking at what is there now. A negative value: refused, with a fault.
 */
static int make_plan(const struct regular_payload *r, const char *path, struct fault *fault)
{
	bool carried = r->state == REGULAR_SAVED;
	enum file_change change;
	struct stat now;
	int fd;

	if (r->state == REGULAR_DELETED)
		return PLAN_GHOST;
	if (r->state == REGULAR_VIRTUAL)
		return PLAN_OPEN;
	if (stat(path, &now)) {
		if (carried)
			return PLAN_CREATE;
		return fault_set(fault, errno, "file-missing",
				 "%s, which the program has open, cannot be found: %s", path,
				 strerror(errno));
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	change = file_identity_compare(&r->identity, &now, fd);
	if (fd >= 0)
		close(fd);
	if (change == FILE_SAME || (change == FILE_GROWN && !r->in_memory))
		return PLAN_OPEN;
	/*
	 * Files in memory are the computation's own state: a new file, the old one stays as it is.
	 */
	if (carried && (r->overwrite || r->in_memory ||
			getenv("DMTCP_ALLOW_OVERWRITE_WITH_CKPTED_FILES")))
		return PLAN_REPLACE;
	if (change == FILE_SHORTER)
		return fault_set(fault, ESTALE, "file-shorter",
				 "%s, which the program has open, had %llu bytes and now has %llu",
				 path,
				 (unsigned long long)r->identity.bytes,
				 (unsigned long long)now.st_size);
	return fault_set(fault, ESTALE, "file-changed",
			 "%s, which the program has open, has been changed since the checkpoint",
			 path);
}

/* Of our own files the builder may open more than their modes allow. */
static int may_open(const struct file_record *f, const char *path, struct fault *fault)
{
	int fd = open(path, (f->flags & O_ACCMODE) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), error =
			errno;
	struct stat now;

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (error == EACCES && !stat(path, &now) && now.st_uid == geteuid())
		return 0;
	return fault_set(fault, error, "file-missing",
			 "%s, which the program has open, cannot be opened: %s", path,
			 strerror(error));
}

/* The descriptor will share what a mapping of the same file brings back. */
static bool carried_by_mapping(struct image_reader *image, uint64_t object)
{
	const struct record *record = NULL;
	struct mapped_file_view v;
	struct regular_payload r;
	char path[PATH_MAX];

	while ((record = record_find(&image->records, RECORD_MAPPED_FILE, record))) {
		if (mapped_file_view(record, &v, NULL) < 0 || v.r.kind != MAPPED_REGULAR)
			continue;
		read_payload(NULL, v.payload, v.r.payload_bytes, &r, path);
		if (r.object == object && r.state == REGULAR_SAVED)
			return true;
	}
	return false;
}

static int regular_verify(struct image_reader *image, const struct file_record *f,
			  const void *payload, size_t bytes, struct fault *fault)
{
	struct regular_payload r;
	struct fault refusal = { 0 };
	char path[PATH_MAX];
	int plan;

	read_payload(image, payload, bytes, &r, path);
	plan = make_plan(&r, path, &refusal);
	if (plan < 0 && carried_by_mapping(image, r.object))
		return 0;
	if (plan < 0 && fault && !fault->id[0])
		*fault = refusal;
	return plan == PLAN_OPEN ? may_open(f, path, fault) : plan < 0 ? plan : 0;
}

/* A new file at @path with the carried content, open for reading and writing. -errno. */
static int create_with_content(struct rebuilt_process *p, const struct regular_payload *r,
			       const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600), ret;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, r->identity.bytes)) {
		ret = -errno;
		goto err_close;
	}
	ret = rebuild_content(p->rebuild, r->object, r->identity.bytes, fd, p->fault);
	if (ret)
		goto err_close;
	if (fchown(fd, r->identity.uid, r->identity.gid)) {
		/* only root may give files away: then it is the user's own */
	}
	return fd;

err_close:
	close(fd);
	return ret;
}

static int create_removed(struct rebuilt_process *p, const struct regular_payload *r,
			  const char *path)
{
	int fd = create_with_content(p, r, path, O_CREAT | O_EXCL);

	if (fd >= 0)
		unlink(path);
	return fd;
}

/*
 * A file without a name, as near as possible to where it had one. @never_named: one that linkat(2) can
 * still give a name to, open(2) of O_TMPFILE.
 */
static int create_ghost(struct rebuilt_process *p, const struct regular_payload *r,
			const char *path, bool never_named)
{
	char directory[PATH_MAX], *slash;
	int fd = -ENOENT;

	if (!never_named)
		fd = create_removed(p, r, path);
	if (fd >= 0)
		return fd;
	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (slash)
		slash[slash == directory] = 0;
	fd = create_with_content(p, r, directory, O_TMPFILE);
	if (fd < 0 && never_named)
		fd = create_removed(p, r, path);
	if (fd < 0)
		fd = create_with_content(p, r, "/tmp", O_TMPFILE);
	return fd;
}

/* The kernel shows such a file as '#' and the number of its inode: d_mark_tmpfile() in fs/dcache.c. */
static bool was_never_named(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && name[1] == '#' && name[2] && !name[2 + strspn(name + 2, "0123456789")];
}

/* The saved content under its name; what is there now keeps its bytes under another name. */
static int create_named(struct rebuilt_process *p, const struct regular_payload *r,
			const char *path, bool replace)
{
	char old[PATH_MAX + 48], stamp[32];
	time_t now = time(NULL);
	struct tm local;
	int fd;

	if (replace && r->in_memory) {
		if (unlink(path))
			return -errno;
	} else if (replace) {
		strftime(stamp, sizeof(stamp), "%Y-%m-%d-%H-%M-%S", localtime_r(&now, &local));
		snprintf(old, sizeof(old), "%s-%s.bk", path, stamp);
		if (rename(path, old))
			return -errno;
	}
	fd = create_with_content(p, r, path, O_CREAT | O_EXCL);
	/* its directory has gone: only what is memory to the program does not need the name */
	if (fd == -ENOENT && r->in_memory && !replace)
		fd = create_ghost(p, r, path, false);
	if (fd >= 0)
		fchmod(fd, r->identity.mode & 07777);
	return fd;
}

/* Does the file still hold the saved content? Whatever cannot be compared differs. */
static bool holds_content(struct rebuilt_process *p, const struct regular_payload *r,
			  const char *path)
{
	int saved = memfd_create("dmtcp", MFD_CLOEXEC), now = open(path, O_RDONLY | O_CLOEXEC);
	size_t bytes = r->identity.bytes;
	void *a = MAP_FAILED, *b = MAP_FAILED;
	bool same = false;

	if (saved >= 0 && now >= 0 && !ftruncate(saved, bytes) &&
	    !rebuild_content(p->rebuild, r->object, bytes, saved, NULL)) {
		same = !bytes;
		a = bytes ? mmap(NULL, bytes, PROT_READ, MAP_SHARED, saved, 0) : MAP_FAILED;
		b = bytes ? mmap(NULL, bytes, PROT_READ, MAP_SHARED, now, 0) : MAP_FAILED;
	}
	if (a != MAP_FAILED && b != MAP_FAILED)
		same = !memcmp(a, b, bytes);
	if (a != MAP_FAILED)
		munmap(a, bytes);
	if (b != MAP_FAILED)
		munmap(b, bytes);
	if (saved >= 0)
		close(saved);
	if (now >= 0)
		close(now);
	return same;
}

static int open_flags(const struct file_record *f)
{
	return f->flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_ASYNC | O_TMPFILE);
}

static int regular_restore(struct rebuilt_process *p, const struct file_record *f,
			   const void *payload, size_t bytes, int *fd)
{
	int inode = -1, plan, ret;
	struct regular_payload r;
	char path[PATH_MAX];

	read_payload(p->image, payload, bytes, &r, path);
	/* The files of one inode share it: made once, by whichever comes first. */
	inode = rebuild_lookup(p->rebuild, r.object);
	plan = inode >= 0 ? PLAN_OPEN : make_plan(&r, path, p->fault);
	if (plan < 0)
		return plan;
	/* Writing through a mapping of a file in memory leaves its times as they are. */
	if (plan == PLAN_OPEN && inode < 0 && r.in_memory && r.state == REGULAR_SAVED &&
	    !holds_content(p, &r, path))
		plan = PLAN_REPLACE;
	if (plan != PLAN_OPEN) {
		inode = plan == PLAN_GHOST ? create_ghost(p, &r, path, was_never_named(path)) :
					     create_named(p, &r, path, plan == PLAN_REPLACE);
		if (inode < 0)
			return fault_set(p->fault, -inode, "file-missing",
					 "%s cannot be created with its saved content: %s", path,
					 strerror(-inode));
		ret = rebuild_remember(p->rebuild, r.object, inode, p->fault);
		if (ret)
			return ret;
		inode = rebuild_lookup(p->rebuild, r.object);
	}
	if (inode >= 0) {
		*fd = file_reopen(inode, open_flags(f));
		if (plan == PLAN_GHOST)
			fchmod(inode, r.identity.mode & 07777);
	} else {
		*fd = open(path, open_flags(f) | O_CLOEXEC | O_NOCTTY);
		if (*fd < 0)
			*fd = -errno;
	}
	if (*fd < 0)
		return fault_set(p->fault, -*fd, "file-missing", "%s cannot be opened again: %s",
				path,
				 strerror(-*fd));
	if (f->position)
		lseek(*fd, f->position, SEEK_SET);
	return 0;
}

/* Cuts off what was appended after the checkpoint: the program is going to write it again. */
static int regular_restore_last(struct rebuilt_process *p, const struct file_record *f,
				const void *payload, size_t bytes, int fd)
{
	struct regular_payload r;
	char path[PATH_MAX];
	struct stat now;

	read_payload(p->image, payload, bytes, &r, path);
	if (r.state == REGULAR_VIRTUAL || (f->flags & O_ACCMODE) == O_RDONLY || fd < 0 ||
	    getenv("DMTCP_SKIP_TRUNCATE_FILE_AT_RESTART") || fstat(fd, &now) ||
	    (uint64_t)now.st_size <= r.identity.bytes)
		return 0;
	if (ftruncate(fd, r.identity.bytes))
		return fault_set(p->fault, errno, "file-changed",
				 "%s cannot be cut back to its length at the checkpoint: %s", path,
				 strerror(errno));
	if (p->rebuild->notes_fd >= 0)
		dprintf(p->rebuild->notes_fd,
			"dmtcp_restart: %s: cut back to its %llu bytes of the checkpoint "
			"(%llu were appended later)\n",
			path, (unsigned long long)r.identity.bytes,
			(unsigned long long)(now.st_size - r.identity.bytes));
	return 0;
}

static void regular_describe(const void *payload, size_t bytes, json_t *out)
{
	static const char *const states[] = {
		[REGULAR_BY_PATH] = "by path", [REGULAR_DELETED] = "deleted, in the image",
		[REGULAR_SAVED] = "in the image", [REGULAR_VIRTUAL] = "of the kernel",
	};
	struct regular_payload r;
	char path[PATH_MAX];

	read_payload(NULL, payload, bytes, &r, path);
	json_object_set_new(out, "path", json_from_text(path));
	json_object_set_new(out, "content", json_string(
		r.state < sizeof(states) / sizeof(*states) && states[r.state] ? states[r.state] :
									       "unknown"));
	json_object_set_new(out, "bytes", json_integer(r.identity.bytes));
	json_object_set_new(out, "object", file_id_text(r.object));
}

const struct file_kind_ops regular_file_kind = {
	.kind = FILE_REGULAR,
	.name = "file",
	.claims = regular_claims,
	.capture = regular_capture,
	.verify = regular_verify,
	.restore = regular_restore,
	.restore_last = regular_restore_last,
	.describe = regular_describe,
};
