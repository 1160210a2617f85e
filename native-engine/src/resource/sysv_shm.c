/*
 * System V shared memory. Processes keep its id, so it is made again with the same id (in the IPC
 * namespace of the restart, where all are free) and attached with shmat(2) where it was; what the
 * program had cut out of an attachment is cut out again. Unattached: sysv_ipc.c finds them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../descriptor/content.h"
#include "../engine/round.h"
#include "../restart/rebuild.h"
#include "memory.h"

#define SEARCH_SECONDS 20 /* for an id, where it cannot be asked for */

struct sysv_record { /* RECORD_SYSV_SHM */
	uint64_t object; /* file_id of its mappings */
	uint64_t bytes;
	int32_t id;
	int32_t key;
	uint32_t mode; /* with SHM_DEST and SHM_LOCKED */
	uint32_t uid, gid;
	uint32_t page_shift;
};

/* ---- capture ---- */

static int status_of(struct capture *c, struct thread *t, int id, struct shmid_ds *status)
{
	uint64_t scratch;
	long result;
	int ret = inject_scratch(t, &scratch, c->fault);

	if (ret >= 0)
		ret = inject_syscall(t, &result, SYS_shmctl, (uint64_t)id, IPC_STAT, scratch, 0, 0,
				     0);
	if (ret >= 0 && result < 0)
		ret = (int)result;
	if (ret >= 0)
		ret = process_read(c->process, scratch, status, sizeof(*status));
	return ret;
}

/* All of it, through an attachment of its own: those of the program need not show all. */
static int content_by_attaching(struct capture *c, struct mapped_file *f, struct thread *t, int id)
{
	struct live_vma whole = { .v = { .flags = VMA_SHARED } }, *list = &whole;
	struct mapped_file all = { .vmas = &list, .vma_count = 1, .r = { .id = f->r.id } };
	long address, result;
	int ret, flushed;

	ret = inject_syscall(t, &address, SYS_shmat, (uint64_t)id, 0, SHM_RDONLY, 0, 0, 0);
	if (ret < 0 || address < 0)
		return ret < 0 ? ret : (int)address;
	whole.v.start = (uint64_t)address;
	whole.v.end = (uint64_t)address + (f->r.bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	for (size_t i = 0; i < f->vma_count; i++)
		whole.swapped_bytes += f->vmas[i]->swapped_bytes;
	ret = shared_memory_content(c, &all);
	flushed = image_writer_flush(c->image, c->fault);
	if (ret >= 0)
		ret = flushed;
	inject_begin(t, c->fault);
	if (inject_syscall(t, &result, SYS_shmdt, (uint64_t)address, 0, 0, 0, 0, 0) < 0)
		ret = -ESRCH;
	return ret;
}

/* The last page reaches behind the segment's size, and keeps what is written there. */
static int content_of_tail(struct capture *c, const struct mapped_file *f)
{
	uint64_t tail = f->r.bytes % PAGE_BYTES, page = f->r.bytes - tail;
	uint8_t data[PAGE_BYTES];

	for (size_t i = 0; tail && i < f->vma_count; i++) {
		const struct vma_record *v = &f->vmas[i]->v;

		if (v->offset > page || page - v->offset >= v->end - v->start)
			continue;
		if (process_read(c->process, v->start + (f->r.bytes - v->offset), data,
				 PAGE_BYTES - tail) < 0)
			continue; /* it does not exist */
		return image_writer_add_bytes(c->image, f->r.id, f->r.bytes, data,
					      PAGE_BYTES - tail, c->fault);
	}
	return 0;
}

int sysv_shm_capture(struct capture *c, struct mapped_file *f, bool is_new)
{
	struct thread *t = memory_injectable_thread(c->process);
	int id = (int)f->vmas[0]->inode, fd = -1, ret; /* ipc/shm.c: newseg() */
	struct sysv_record r = { .object = f->r.id, .id = id, .page_shift = f->r.page_shift };
	struct shmid_ds status;

	f->r.kind = MAPPED_SYSV;
	for (size_t i = 0; i < f->vma_count; i++)
		f->vmas[i]->v.flags |= VMA_SYSV;
	ret = t ? inject_begin(t, c->fault) : -ENOTSUP;
	if (ret < 0)
		goto out;
	ret = status_of(c, t, id, &status);
	if (ret >= 0) {
		f->r.bytes = r.bytes = status.shm_segsz;
		r.key = status.shm_perm.__key;
		r.mode = status.shm_perm.mode;
		r.uid = status.shm_perm.uid;
		r.gid = status.shm_perm.gid;
		record_append(c->records, RECORD_SYSV_SHM, &r, sizeof(r), NULL, 0);
		mapped_file_append(c, f, f->vmas[0]->path, NULL);
		if (is_new)
			fd = shared_memory_open(c, f->vmas[0]);
		if (fd >= 0) {
			ret = content_save(c, f->r.id, fd, r.bytes);
			if (ret >= 0)
				ret = content_of_tail(c, f);
			close(fd);
		} else if (is_new) {
			ret = content_by_attaching(c, f, t, id);
		}
	}
	if (inject_end(t) < 0 && ret >= 0)
		ret = -ESRCH;
out:
	if (ret < 0)
		return fault_set(c->fault, -ret, "memory-unreadable",
				 "process %d: System V segment %d: %s", c->process->virtual_pid, id,
				 strerror(-ret));
	return 0;
}

int sysv_shm_capture_unattached(struct capture *c, struct thread *t, int id,
				const struct shmid_ds *status)
{
	struct mapped_file f = { .r = { .bytes = status->shm_segsz } };
	struct sysv_record r = { .bytes = status->shm_segsz, .id = id, .page_shift = 12 };
	bool is_new;

	/* No device has this number. */
	r.object = f.r.id = round_inode_id(c->round, UINT64_MAX - 3, (uint64_t)id, &is_new);
	r.key = status->shm_perm.__key;
	r.mode = status->shm_perm.mode;
	r.uid = status->shm_perm.uid;
	r.gid = status->shm_perm.gid;
	record_append(c->records, RECORD_SYSV_SHM, &r, sizeof(r), NULL, 0);
	return content_by_attaching(c, &f, t, id);
}

/* ---- restore ---- */

static uint64_t mapped_bytes(const struct sysv_record *r)
{
	return (r->bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static bool next_record(const struct buffer *records, const struct record **at,
			struct sysv_record *r)
{
	*at = record_find(records, RECORD_SYSV_SHM, *at);
	if (*at)
		record_head(*at, r, sizeof(*r));
	return *at != NULL;
}

int sysv_shm_verify(const struct buffer *records, struct fault *fault)
{
	const struct record *at = NULL;
	struct sysv_record r;

	while (next_record(records, &at, &r))
		if (r.id < 0 || !r.bytes || r.bytes > USER_END || !r.object || r.page_shift > 34)
			return fault_set(fault, EINVAL, "image-damaged",
					 "the record of System V segment %d makes no sense", r.id);
	return 0;
}

/* Since 5.19 writable for the owner of the namespace, before for root only: then without. */
static void ask_for_id(int id)
{
	int fd = open("/proc/sys/kernel/shm_next_id", O_WRONLY | O_CLOEXEC);
	char text[16];
	int bytes = snprintf(text, sizeof(text), "%d", id);

	if (fd < 0)
		return;
	if (write(fd, text, (size_t)bytes) != bytes) {
		/* not allowed: it is searched for */
	}
	close(fd);
}

/* A segment with the wanted id. Without asking, the kernel numbers them through. */
static int create_segment(const struct sysv_record *r)
{
	int flags = (int)(r->mode & 0777) | IPC_CREAT | IPC_EXCL, id;
	time_t end = time(NULL) + SEARCH_SECONDS;
	key_t key = r->mode & SHM_DEST ? IPC_PRIVATE : r->key;

	if (r->page_shift > 12)
		flags |= SHM_HUGETLB | (int)(r->page_shift << MAP_HUGE_SHIFT);
	ask_for_id(r->id);
	for (;;) {
		id = shmget(key, r->bytes, flags);
		if (id < 0)
			return -errno;
		if (id == r->id)
			return 0;
		shmctl(id, IPC_RMID, NULL);
		if (time(NULL) > end)
			return -EEXIST;
	}
}

static int fill_segment(void *context, uint64_t offset, const void *data, uint64_t bytes)
{
	memcpy((uint8_t *)context + offset, data, bytes);
	return 0;
}

static int restore_segment(struct rebuilt_process *p, const struct sysv_record *r)
{
	struct shmid_ds status;
	void *data;
	int ret;

	if (!shmctl(r->id, IPC_STAT, &status))
		return 0; /* made for the process before this one: the namespace is ours alone */
	ret = create_segment(r);
	if (ret < 0)
		return fault_set(p->fault, -ret, "restore-content",
				 "System V segment %d of %" PRIu64 " bytes cannot be made: %s",
				 r->id, r->bytes, strerror(-ret));
	data = shmat(r->id, NULL, 0);
	if (data == (void *)-1)
		return fault_set(p->fault, errno, "restore-content", "System V segment %d: %s",
				 r->id, strerror(errno));
	for (size_t i = 0; i < p->rebuild->image_count && ret >= 0; i++)
		ret = image_reader_content(p->rebuild->images[i], r->object, 0,
					   mapped_bytes(r), p->rebuild->workers, fill_segment, data,
					   p->fault);
	shmdt(data);
	return ret;
}

int sysv_shm_restore(struct rebuilt_process *p)
{
	const struct record *at = NULL;
	struct sysv_record r;
	int ret = 0;

	while (ret >= 0 && next_record(p->records, &at, &r))
		ret = restore_segment(p, &r);
	return ret;
}

static bool find_segment(const struct buffer *records, uint64_t object, struct sysv_record *r)
{
	const struct record *at = NULL;

	while (next_record(records, &at, r))
		if (r->object == object)
			return true;
	return false;
}

bool sysv_shm_span(const struct buffer *records, const struct vma_record *v,
		   struct file_range *span)
{
	struct sysv_record r;

	if (!(v->flags & VMA_SYSV) || !find_segment(records, v->file_id, &r) ||
	    v->offset > v->start)
		return false;
	span->start = v->start - v->offset;
	span->end = span->start + mapped_bytes(&r);
	return true;
}

/* Cuts out of the attachment at @span what the table does not have of it. */
static int cut_out(struct thread *t, const struct memory_table *table, uint64_t object,
		   const struct file_range *span)
{
	uint64_t from = span->start;
	int ret = 0;

	for (size_t i = 0; i <= table->count && ret >= 0; i++) {
		const struct vma_record *v = i < table->count ? &table->vmas[i] : NULL;
		uint64_t to = v ? v->start : span->end;
		long result = 0;

		if (v && (v->file_id != object || v->start - v->offset != span->start))
			continue;
		if (from < to)
			ret = inject_syscall(t, &result, SYS_munmap, from, to - from, 0, 0, 0, 0);
		if (ret >= 0 && result < 0)
			ret = (int)result;
		if (v)
			from = v->end;
	}
	return ret;
}

int sysv_shm_attach(struct rebuilt_process *p, struct thread *t, const struct memory_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct vma_record *v = &table->vmas[i];
		struct file_range span, earlier;
		struct sysv_record r;
		bool attached = false;
		long result;
		int ret;

		if (!sysv_shm_span(p->records, v, &span))
			continue;
		for (size_t k = i; k-- > 0 && table->vmas[k].end > span.start && !attached;)
			attached = table->vmas[k].file_id == v->file_id &&
				   sysv_shm_span(p->records, &table->vmas[k], &earlier) &&
				   earlier.start == span.start;
		if (attached)
			continue;
		find_segment(p->records, v->file_id, &r);
		ret = inject_syscall(t, &result, SYS_shmat, (uint64_t)r.id, span.start,
				     v->flags & VMA_MAY_WRITE ? 0 : SHM_RDONLY, 0, 0, 0);
		if (ret >= 0 && result != (long)span.start)
			ret = result < 0 ? (int)result : -EEXIST;
		if (ret >= 0)
			ret = cut_out(t, table, v->file_id, &span);
		if (ret < 0)
			return fault_set(p->fault, -ret, "restore-content",
					 "System V segment %d cannot be attached at %" PRIx64
					 ": %s",
					 r.id, span.start, strerror(-ret));
	}
	return 0;
}

/* When all have attached it: owner, and the removal that waits for the last one to let go. */
int sysv_shm_restore_last(struct rebuilt_process *p)
{
	const struct record *at = NULL;
	struct shmid_ds status;
	struct sysv_record r;

	while (next_record(p->records, &at, &r)) {
		if (shmctl(r.id, IPC_STAT, &status))
			continue;
		status.shm_perm.uid = r.uid;
		status.shm_perm.gid = r.gid;
		status.shm_perm.mode = (unsigned short)(r.mode & 0777);
		shmctl(r.id, IPC_SET, &status); /* an owner that does not exist here stays ours */
		if (r.mode & SHM_LOCKED)
			shmctl(r.id, SHM_LOCK, NULL);
		if (r.mode & SHM_DEST)
			shmctl(r.id, IPC_RMID, NULL);
	}
	return 0;
}
