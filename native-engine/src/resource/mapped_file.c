/*
 * Files behind mappings. Code (ELF) is carried in the image, so that it stands alone when the
 * host's libraries are upgraded; other files are data, found again by path as open files are
 * (descriptor/regular_file.c); what has no name is memory (shared_memory.c).
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xxhash.h>

#include "../descriptor/content.h"
#include "../descriptor/kinds.h"
#include "../engine/round.h"
#include "../restart/rebuild.h"
#include "memory.h"

#define COPY_BYTES (1u << 20)
#define DATA_CHECKSUM_BYTES (32ull << 20) /* of mapped data: 5 ms, while the program runs on */

/* ---- capture ---- */

static int compare_vmas(const void *a, const void *b)
{
	const struct live_vma *x = *(struct live_vma *const *)a, *y = *(struct live_vma *const *)b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	if (x->v.offset != y->v.offset)
		return x->v.offset < y->v.offset ? -1 : 1;
	return x->v.start < y->v.start ? -1 : x->v.start > y->v.start;
}

/* Fills in the ranges and what the mappings want of the file. */
static int collect_ranges(struct mapped_file *f)
{
	f->ranges = malloc(f->vma_count * sizeof(*f->ranges));
	if (!f->ranges)
		return -ENOMEM;
	for (size_t i = 0; i < f->vma_count; i++) {
		const struct vma_record *v = &f->vmas[i]->v;
		uint64_t end = v->offset + (v->end - v->start);
		struct file_range *last = f->r.range_count ?
						  &f->ranges[f->r.range_count - 1] : NULL;

		if (v->flags & VMA_SHARED && v->flags & VMA_MAY_WRITE)
			f->r.flags |= MAPPED_WANTS_WRITE;
		else
			f->r.flags |= MAPPED_WANTS_READ;
		if (v->flags & VMA_HUGETLB)
			f->r.flags |= MAPPED_HUGETLB;
		f->r.page_shift = v->page_shift;
		if (last && v->offset <= last->end) {
			if (end > last->end)
				last->end = end;
			continue;
		}
		f->ranges[f->r.range_count++] = (struct file_range){ v->offset, end };
	}
	return 0;
}

void mapped_file_append(struct capture *c, const struct mapped_file *f, const char *path,
			const struct buffer *payload)
{
	struct mapped_file_record r = f->r;
	struct buffer tail = { 0 };

	r.path_bytes = (uint32_t)strlen(path);
	r.payload_bytes = payload ? (uint32_t)payload->bytes : 0;
	buffer_append(&tail, f->ranges, r.range_count * sizeof(*f->ranges));
	buffer_append(&tail, path, r.path_bytes);
	if (payload)
		buffer_append(&tail, payload->data, payload->bytes);
	if (tail.failed)
		c->records->failed = true;
	else
		record_append(c->records, RECORD_MAPPED_FILE, &r, sizeof(r), tail.data,
			      tail.bytes);
	buffer_free(&tail);
}

/*
 * Checksum of @ranges of the file, up to @bytes; with @c the content goes into the image too. All
 * of it in one reading, so that both are of the same bytes.
 */
static int read_ranges(int fd, const struct file_range *ranges, size_t count, uint64_t bytes,
		       uint64_t *checksum, struct capture *c, uint64_t object)
{
	XXH3_state_t *state = XXH3_createState();
	uint8_t *data = malloc(COPY_BYTES);
	int ret = state && data ? 0 : -ENOMEM;

	if (!ret)
		XXH3_64bits_reset(state);
	for (size_t i = 0; i < count && ret >= 0; i++) {
		uint64_t at = ranges[i].start, end = ranges[i].end;

		if (end > bytes)
			end = bytes;
		while (at < end && ret >= 0) {
			size_t want = end - at < COPY_BYTES ? end - at : COPY_BYTES;
			ssize_t got = pread(fd, data, want, (off_t)at);

			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0)
				ret = -errno;
			if (got <= 0)
				break;
			XXH3_64bits_update(state, data, (size_t)got);
			if (c)
				ret = image_writer_add_code(c->image, object, at, data,
							    (uint64_t)got, c->fault);
			at += (uint64_t)got;
		}
	}
	if (ret >= 0)
		*checksum = XXH3_64bits_digest(state);
	free(data);
	XXH3_freeState(state);
	return ret;
}

/* A mapped file whose content is read while the process runs on. */
struct deferred_file {
	struct mapped_file file; /* without its mappings */
	struct buffer payload;
	struct stat status;
	int fd;
	char path[];
};

static void deferred_free(void *state)
{
	struct deferred_file *d = state;

	close(d->fd);
	free(d->file.ranges);
	buffer_free(&d->payload);
	free(d);
}

/* A program or library: the content goes into the image. */
static int read_code(struct capture *c, void *state)
{
	struct deferred_file *d = state;
	struct mapped_file *f = &d->file;
	int ret = read_ranges(d->fd, f->ranges, f->r.range_count, f->r.bytes, &f->r.checksum, c,
			      f->r.id ^ KEY_IMAGE);

	if (ret < 0)
		return fault_set(c->fault, -ret, "file-unreadable", "%s: %s", d->path,
				 strerror(-ret));
	mapped_file_append(c, f, d->path, NULL);
	return 0;
}

/* Data: a checksum, by which a copy with another time (on another host) is known to be the same. */
static int read_data(struct capture *c, void *state)
{
	struct deferred_file *d = state;
	struct mapped_file *f = &d->file;
	struct stat now;

	if (!read_ranges(d->fd, f->ranges, f->r.range_count, f->r.bytes, &f->r.checksum, NULL, 0) &&
	    !fstat(d->fd, &now) && now.st_size == d->status.st_size &&
	    now.st_mtim.tv_sec == d->status.st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == d->status.st_mtim.tv_nsec)
		f->r.flags |= MAPPED_CHECKSUM_KNOWN;
	mapped_file_append(c, f, d->path, &d->payload);
	return 0;
}

/* Takes @fd, @payload and the ranges of @f. */
static int defer_file(struct capture *c, struct mapped_file *f, int fd, const struct stat *status,
		      struct buffer *payload,
		      int (*work)(struct capture *c, void *state))
{
	const char *path = f->vmas[0]->path;
	struct deferred_file *d = malloc(sizeof(*d) + strlen(path) + 1);

	if (!d) {
		close(fd);
		buffer_free(payload);
		return fault_set(c->fault, ENOMEM, "out-of-memory", "%s", path);
	}
	d->file = *f;
	d->file.vmas = NULL;
	d->payload = *payload;
	d->status = *status;
	d->fd = fd;
	strcpy(d->path, path);
	f->ranges = NULL;
	return capture_defer(c, work, deferred_free, d);
}

static bool is_code(int fd)
{
	Elf64_Ehdr h;

	return pread(fd, &h, sizeof(h), 0) == sizeof(h) && !memcmp(h.e_ident, ELFMAG, SELFMAG) &&
	       (h.e_type == ET_EXEC || h.e_type == ET_DYN);
}

static uint64_t mapped_bytes(const struct mapped_file *f)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < f->r.range_count; i++)
		bytes += f->ranges[i].end - f->ranges[i].start;
	return bytes;
}

/* Takes @fd. */
static int capture_regular(struct capture *c, struct mapped_file *f, int fd,
			   const struct stat *status)
{
	struct descriptor_view view = {
		.pid = c->process->pid,
		.number = -1,
		.link = f->vmas[0]->path,
		.status = *status,
		.flags = f->r.flags & MAPPED_WANTS_WRITE ? O_RDWR : O_RDONLY,
		.written_through_mapping = f->r.flags & MAPPED_WANTS_WRITE,
		.borrowed = fd,
	};
	struct buffer payload = { 0 };
	struct statfs filesystem;
	bool is_new;
	int ret;

	if (!fstatfs(fd, &filesystem))
		view.filesystem = (uint32_t)filesystem.f_type;
	f->r.kind = MAPPED_REGULAR;
	/*
	 * it asks for the id first, and carries the content if it is the first in the round to ask
	 */
	ret = regular_file_kind.capture(c, &view, 0, &payload);
	f->r.id = round_inode_id(c->round, status->st_dev, status->st_ino, &is_new);
	if (payload.failed)
		c->records->failed = true;
	if (ret >= 0 && !(f->r.flags & MAPPED_WANTS_WRITE) &&
	    mapped_bytes(f) <= DATA_CHECKSUM_BYTES)
		return defer_file(c, f, fd, status, &payload, read_data);
	if (ret >= 0)
		mapped_file_append(c, f, view.link, &payload);
	buffer_free(&payload);
	close(fd);
	return ret;
}

static bool is_memory(const struct live_vma *v)
{
	static const char *const names[] = { "/memfd:", "/dev/zero (deleted)", "[anon_shmem:",
					     "/anon_hugepage" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(v->path, names[i], strlen(names[i])))
			return true;
	return false;
}

static int capture_file(struct capture *c, struct mapped_file *f)
{
	const struct live_vma *v = f->vmas[0];
	struct buffer none = { 0 };
	struct stat status;
	bool is_new;
	int fd, ret;

	ret = collect_ranges(f);
	if (ret < 0)
		return fault_set(c->fault, ENOMEM, "out-of-memory", "list of mapped files");
	if (is_memory(v)) {
		f->r.id = round_inode_id(c->round, v->device, v->inode, &is_new);
		return shared_memory_capture(c, f, is_new);
	}
	if (!strncmp(v->path, "/SYSV", 5) && v->v.flags & VMA_SHARED) {
		f->r.id = round_inode_id(c->round, v->device, v->inode, &is_new);
		return sysv_shm_capture(c, f, is_new);
	}
	fd = shared_memory_open(c, v);
	if (fd < 0 || fstat(fd, &status)) {
		f->r.id = round_inode_id(c->round, v->device, v->inode, &is_new);
		return shared_memory_capture(c, f, is_new);
	}
	/* as descriptors do, whose idea of the device differs on some file systems (btrfs) */
	f->r.bytes = (uint64_t)status.st_size;
	f->r.mode = status.st_mode;
	if (!(f->r.flags & MAPPED_WANTS_WRITE) && is_code(fd)) {
		f->r.kind = MAPPED_ELF;
		f->r.id = round_inode_id(c->round, status.st_dev, status.st_ino, &is_new);
		return defer_file(c, f, fd, &status, &none, read_code);
	}
	return capture_regular(c, f, fd, &status);
}

int mapped_files_capture(struct capture *c, struct live_memory *m)
{
	struct live_vma **sorted = calloc(m->count ? m->count : 1, sizeof(struct live_vma *));
	size_t count = 0;
	int ret = 0;

	if (!sorted)
		return fault_set(c->fault, ENOMEM, "out-of-memory", "list of mapped files");
	for (size_t i = 0; i < m->count; i++)
		if (m->vmas[i].special == SPECIAL_NONE && !live_vma_is_anonymous(&m->vmas[i]))
			sorted[count++] = &m->vmas[i];
	qsort(sorted, count, sizeof(*sorted), compare_vmas);
	for (size_t i = 0, n; i < count && ret >= 0; i += n) {
		struct mapped_file f = { .vmas = sorted + i };

		for (n = 1; i + n < count && sorted[i + n]->device == sorted[i]->device &&
			    sorted[i + n]->inode == sorted[i]->inode; n++)
			;
		f.vma_count = n;
		ret = capture_file(c, &f);
		for (size_t k = 0; k < n; k++)
			f.vmas[k]->v.file_id = f.r.id;
		free(f.ranges);
	}
	free(sorted);
	return ret;
}

/* ---- restore ---- */

int mapped_file_view(const struct record *record, struct mapped_file_view *v, struct fault *fault)
{
	const uint8_t *tail;
	uint64_t ranges, last = 0;
	size_t bytes;

	record_head(record, &v->r, sizeof(v->r));
	tail = record_tail(record, sizeof(v->r), &bytes);
	ranges = (uint64_t)v->r.range_count * sizeof(struct file_range);
	if (ranges + v->r.path_bytes + v->r.payload_bytes != bytes ||
	    v->r.path_bytes >= sizeof(v->path))
		return fault_set(fault, EINVAL, "image-damaged",
				 "the record of a mapped file has a wrong length");
	memcpy(v->path, tail + ranges, v->r.path_bytes);
	v->path[v->r.path_bytes] = 0;
	v->ranges = (const struct file_range *)tail;
	v->payload = tail + ranges + v->r.path_bytes;
	for (uint32_t i = 0; i < v->r.range_count; i++) {
		if (v->ranges[i].start < last || v->ranges[i].end <= v->ranges[i].start)
			return fault_set(fault, EINVAL, "image-damaged",
					 "%s: the ranges of a mapped file are out of order",
					 v->path);
		last = v->ranges[i].end;
	}
	if (!v->r.id || v->r.kind < MAPPED_ELF || v->r.kind > MAPPED_SYSV ||
	    v->r.bytes > INT64_MAX)
		return fault_set(fault, EINVAL, "image-damaged",
				 "%s: the record of a mapped file makes no sense", v->path);
	return 0;
}

/* What descriptor/regular_file.c wants to know of an open file that is only mapped here. */
static struct file_record file_record_of(const struct mapped_file_view *v)
{
	return (struct file_record){
		.id = v->r.id,
		.kind = FILE_REGULAR,
		.flags = v->r.flags & MAPPED_WANTS_WRITE ? O_RDWR : O_RDONLY,
	};
}

/* The host's own file if it holds the same bytes in the mapped ranges; -ESTALE if not. */
static int open_identical(const struct mapped_file_view *v)
{
	uint64_t checksum;
	struct stat status;
	int fd;

	/* looked at first: opening a device or a pipe can do something */
	if (stat(v->path, &status) || !S_ISREG(status.st_mode) ||
	    (uint64_t)status.st_size != v->r.bytes)
		return -ESTALE;
	fd = open(v->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (read_ranges(fd, v->ranges, v->r.range_count, v->r.bytes, &checksum, NULL, 0) < 0 ||
	    checksum != v->r.checksum) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

/* A copy of mapped data with another time: the sample of open files proves nothing. */
static int open_copy(const struct mapped_file_view *v)
{
	return v->r.kind == MAPPED_REGULAR && v->r.flags & MAPPED_CHECKSUM_KNOWN ?
		       open_identical(v) : -ESTALE;
}

int mapped_files_verify(struct image_reader *image, struct fault *fault)
{
	const struct record *record = NULL;
	struct mapped_file_view v;
	struct file_record f;
	struct fault why;
	int ret;

	while ((record = record_find(&image->records, RECORD_MAPPED_FILE, record))) {
		ret = mapped_file_view(record, &v, fault);
		if (ret < 0)
			return ret;
		if (v.r.kind != MAPPED_REGULAR)
			continue;
		f = file_record_of(&v);
		memset(&why, 0, sizeof(why));
		ret = regular_file_kind.verify(image, &f, v.payload, v.r.payload_bytes, &why);
		if (ret < 0) {
			int fd = open_copy(&v);

			if (fd < 0)
				return fault_set(fault, -ret, why.id, "%s", why.text);
			close(fd);
		}
	}
	return 0;
}

/* Many processes have the same libraries mapped alike: they are read once. */
static bool is_known_code(const struct rebuild *r, uint64_t sum)
{
	for (size_t i = 0; i < r->known_code_count; i++)
		if (r->known_code[i] == sum)
			return true;
	return false;
}

static void remember_code(struct rebuild *r, uint64_t sum)
{
	uint64_t *grown;

	if (is_known_code(r, sum))
		return;
	grown = realloc(r->known_code, (r->known_code_count + 1) * sizeof(*grown));
	if (!grown)
		return; /* then it is read again */
	grown[r->known_code_count++] = sum;
	r->known_code = grown;
}

static int restore_code(struct rebuilt_process *p, const struct mapped_file_view *v)
{
	const char *name = strrchr(v->path, '/');
	int fd, ret;

	if (rebuild_lookup(p->rebuild, v->r.id ^ KEY_IMAGE) >= 0)
		return 0;
	if (is_known_code(p->rebuild, v->r.id + v->r.checksum))
		return 0;
	/* another process may have mapped other ranges, which differ: each looks for itself */
	fd = open_identical(v);
	if (fd >= 0)
		remember_code(p->rebuild, v->r.id + v->r.checksum);
	if (fd >= 0 && rebuild_lookup(p->rebuild, v->r.id ^ KEY_READ) >= 0) {
		close(fd);
		return 0;
	}
	if (fd >= 0)
		return rebuild_remember(p->rebuild, v->r.id ^ KEY_READ, fd, p->fault);
	fd = memfd_create(name ? name + 1 : v->path, MFD_CLOEXEC);
	if (fd < 0)
		return fault_set(p->fault, errno, "out-of-memory", "memory for %s: %s", v->path,
				 strerror(errno));
	if (ftruncate(fd, (off_t)v->r.bytes)) {
		ret = fault_set(p->fault, errno, "out-of-memory", "memory for %s: %s", v->path,
				strerror(errno));
		close(fd);
		return ret;
	}
	/* from every image: they may have mapped different ranges of it */
	ret = rebuild_content(p->rebuild, v->r.id ^ KEY_IMAGE, v->r.bytes, fd, p->fault);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return rebuild_remember(p->rebuild, v->r.id ^ KEY_IMAGE, fd, p->fault);
}

static int restore_regular(struct rebuilt_process *p, const struct mapped_file_view *v)
{
	uint64_t key = v->r.id ^ (v->r.flags & MAPPED_WANTS_WRITE ? KEY_WRITE : KEY_READ);
	struct file_record f = file_record_of(v);
	struct fault why = { 0 };
	struct rebuilt_process own = *p;
	int fd, ret;

	if (rebuild_lookup(p->rebuild, key) >= 0)
		return 0;
	own.fault = &why;
	ret = regular_file_kind.restore(&own, &f, v->payload, v->r.payload_bytes, &fd);
	if (ret < 0) {
		fd = open_copy(v);
		if (fd < 0)
			return fault_set(p->fault, -ret, why.id, "%s", why.text);
	}
	ret = 0;
	if (v->r.flags & MAPPED_WANTS_READ && v->r.flags & MAPPED_WANTS_WRITE) {
		int reading = file_reopen(fd, O_RDONLY);

		if (reading >= 0)
			ret = rebuild_remember(p->rebuild, v->r.id ^ KEY_READ, reading, p->fault);
	}
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return rebuild_remember(p->rebuild, key, fd, p->fault);
}

int mapped_files_restore(struct rebuilt_process *p)
{
	const struct record *record = NULL;
	struct mapped_file_view v;
	int ret;

	while ((record = record_find(p->records, RECORD_MAPPED_FILE, record))) {
		ret = mapped_file_view(record, &v, p->fault);
		if (ret < 0)
			return ret;
		switch (v.r.kind) {
		case MAPPED_ELF:
			ret = restore_code(p, &v);
			break;
		case MAPPED_REGULAR:
			ret = restore_regular(p, &v);
			break;
		case MAPPED_MEMORY:
			ret = shared_memory_restore(p, &v);
			break;
		}
		if (ret < 0)
			return ret;
	}
	return 0;
}

int mapped_file_descriptor(struct rebuild *r, uint64_t id, bool write)
{
	static const uint64_t reading[] = { KEY_IMAGE, KEY_READ, KEY_WRITE, 0 };
	static const uint64_t writing[] = { KEY_WRITE, 0 };
	const uint64_t *keys = write ? writing : reading;

	for (;; keys++) {
		int fd = rebuild_lookup(r, id ^ *keys);

		if (fd >= 0 || !*keys)
			return fd;
	}
}
