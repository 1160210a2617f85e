#include "aio.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "../common/array.h"
#include "../common/monotonic.h"
#include "../common/proc.h"
#include "../engine/round.h"

/* fs/aio.c, struct aio_ring: at the start of the mapping; libaio reads it, too. */
struct ring_head {
	uint32_t index; /* of the context in the process, the kernel's */
	uint32_t slots, head, tail;
	uint32_t magic, compatible, incompatible, bytes;
};

#define RING_MAGIC 0xa10a10a1u

struct aio_record { /* RECORD_AIO; tail: the unread events in order, or all bytes of a dead one */
	uint64_t start, end;
	uint32_t slots, head;
	uint32_t unread;
	uint32_t dead; /* a fork copies the mapping, not the context: memory and no more */
};

/* ---- before the capture ---- */

/*
 * The kernel tells nobody how many requests are under way. Those of a stopped program come to their
 * end (what is done at once is done in io_submit): when no ring has moved for a while and every disk
 * has been seen idle, there are none. IOCB_CMD_POLL is not seen: its wait would be lost.
 */
#define QUIET_NS (5 * 1000000ull)
#define SETTLE_NS 300000000ull /* as often as CoordinatorRound has patience */
#define DISKS 1024

struct disks {
	/* By its line in /proc/diskstats: it has had nothing to do for a moment. */
	bool idle[DISKS];
	size_t count;
	bool more; /* than there is room for */
};

/* Documentation/admin-guide/iostats.rst: field 9 is the number of I/Os in progress. */
static void look_at_disks(struct disks *d)
{
	char *text, *line, *rest;

	d->count = 0;
	if (proc_read_text(0, "diskstats", &text, NULL))
		return;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned long in_progress = 0;

		if (d->count == DISKS) {
			d->more = true;
			break;
		}
		sscanf(line, "%*u %*u %*s %*u %*u %*u %*u %*u %*u %*u %*u %lu", &in_progress);
		d->idle[d->count++] |= !in_progress;
	}
	free(text);
}

static bool all_idle(const struct disks *d)
{
	for (size_t i = 0; i < d->count; i++)
		if (!d->idle[i])
			return false;
	return !d->more;
}

/* The rings of all members. */
struct rings {
	struct {
		struct process *process;
		uint64_t address;
	} *list;
	size_t count, capacity;
};

static int add_ring(struct rings *r, struct process *p, uint64_t address)
{
	void *grown = array_grow(r->list, r->count, &r->capacity, sizeof(*r->list));

	if (!grown)
		return -ENOMEM;
	r->list = grown;
	r->list[r->count].process = p;
	r->list[r->count++].address = address;
	return 0;
}

static int find_rings(struct rings *r, struct process *p)
{
	char *text, *line, *rest;
	int ret = proc_read_text(p->live_tid, "maps", &text, NULL);

	if (ret)
		return ret == -ENOMEM ? ret : 0; /* it has gone: others will say so */
	for (line = strtok_r(text, "\n", &rest); line && !ret; line = strtok_r(NULL, "\n", &rest))
		if (strstr(line, AIO_PATH))
			ret = add_ring(r, p, strtoull(line, NULL, 16));
	free(text);
	return ret;
}

/* A sum that differs when anything has been completed. */
static uint64_t look_at_rings(const struct rings *r)
{
	struct ring_head head = { 0 };
	uint64_t sum = 0;

	for (size_t i = 0; i < r->count; i++) {
		process_read(r->list[i].process, r->list[i].address, &head, sizeof(head));
		sum = sum * 1000003 + head.tail;
	}
	return sum;
}

static int wait_for_rings(const struct rings *r, struct fault *fault)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	uint64_t start = monotonic_ns(), now = start, moved = start, last = look_at_rings(r), sum;
	struct disks disks = { 0 };

	while (now - moved < QUIET_NS || !all_idle(&disks)) {
		if (now - start > SETTLE_NS)
			return fault_set(fault, EAGAIN, "aio-busy",
					 "process %d: asynchronous I/O (io_submit) may still be "
					 "under way: the disks did not come to rest",
					 r->list[0].process->virtual_pid);
		nanosleep(&pause, NULL);
		look_at_disks(&disks);
		sum = look_at_rings(r);
		now = monotonic_ns();
		if (sum != last)
			moved = now;
		last = sum;
	}
	return 0;
}

int aio_settle(struct round *r, struct fault *fault)
{
	struct rings rings = { 0 };
	char *text;
	int ret = proc_read_text(0, "sys/fs/aio-nr", &text, NULL);

	if (ret)
		return 0; /* a kernel without it */
	ret = strtoul(text, NULL, 10) ? 1 : 0;
	free(text);
	if (!ret)
		return 0;
	ret = 0;
	for (size_t i = 0; i < r->member_count && !ret; i++)
		if (!r->members[i]->zombie)
			ret = find_rings(&rings, r->members[i]);
	if (ret)
		fault_set(fault, -ret, "out-of-memory", "list of asynchronous I/O");
	else if (rings.count)
		ret = wait_for_rings(&rings, fault);
	free(rings.list);
	return ret;
}

static int read_head(struct capture *c, const struct live_vma *v, struct ring_head *head)
{
	int ret = process_read(c->process, v->v.start, head, sizeof(*head));

	if (ret)
		return fault_set(c->fault, -ret, "memory-unreadable",
				 "process %d: asynchronous I/O at %" PRIx64 ": %s",
				 c->process->virtual_pid, v->v.start, strerror(-ret));
	if (head->magic != RING_MAGIC || head->bytes != sizeof(*head) || head->incompatible ||
	    head->slots != (v->v.end - v->v.start - sizeof(*head)) / sizeof(struct io_event) ||
	    head->head >= head->slots || head->tail >= head->slots)
		return fault_set(c->fault, EOPNOTSUPP, "not-supported",
				 "process %d: the ring of asynchronous I/O (io_setup) at %" PRIx64
				 " is not as the kernel makes it",
				 c->process->virtual_pid, v->v.start);
	return 0;
}

/* ---- capture ---- */

static int is_dead(struct capture *c, const struct live_vma *v, bool *dead)
{
	struct thread *t = memory_injectable_thread(c->process);
	long result = 0;
	int ret;

	*dead = false;
	if (!t)
		return 0;
	/* It asks for no event: EINVAL only where there is no context. */
	ret = inject_one(t, &result, SYS_io_getevents, v->v.start, 0, 0, 0, 0, 0, c->fault);
	*dead = result == -EINVAL;
	return ret;
}

static int read_events(struct process *p, const struct aio_record *r, struct io_event *events)
{
	uint32_t first = r->slots - r->head < r->unread ? r->slots - r->head : r->unread;
	uint64_t at = r->start + sizeof(struct ring_head);
	int ret = process_read(p, at + r->head * sizeof(*events), events, first * sizeof(*events));

	return ret || first == r->unread ? ret :
	       process_read(p, at, events + first, (r->unread - first) * sizeof(*events));
}

static int capture_ring(struct capture *c, const struct live_vma *v)
{
	struct aio_record r = { .start = v->v.start, .end = v->v.end };
	struct ring_head head;
	size_t bytes;
	bool dead;
	void *tail;
	int ret = read_head(c, v, &head);

	if (!ret)
		ret = is_dead(c, v, &dead);
	if (ret)
		return ret;
	r.slots = head.slots;
	r.head = head.head;
	r.dead = dead;
	r.unread = (head.tail + head.slots - head.head) % head.slots;
	bytes = dead ? v->v.end - v->v.start : r.unread * sizeof(struct io_event);
	tail = malloc(bytes + 1);
	if (!tail)
		return fault_set(c->fault, ENOMEM, "out-of-memory", "events of asynchronous I/O");
	ret = dead ? process_read(c->process, v->v.start, tail, bytes) :
		     read_events(c->process, &r, tail);
	if (!ret)
		record_append(c->records, RECORD_AIO, &r, sizeof(r), tail, bytes);
	free(tail);
	return ret ? fault_set(c->fault, -ret, "memory-unreadable",
			       "process %d: asynchronous I/O at %" PRIx64 ": %s",
			       c->process->virtual_pid, v->v.start, strerror(-ret)) : 0;
}

int aio_capture(struct capture *c, const struct live_memory *m)
{
	int ret = 0;

	for (size_t i = 0; i < m->count && !ret; i++)
		if (m->vmas[i].special == SPECIAL_AIO)
			ret = capture_ring(c, &m->vmas[i]);
	return ret;
}

/* ---- restore ---- */

/*
 * The kernel keeps the tail to itself: it moves when a request is done. As many reads of nothing as
 * the tail is far from the start; then the events are written over theirs. A thread may have been
 * stopped between its look at the head and its step forward: so the head is where it was.
 */
#define REQUESTS 2048

struct scratch { /* in the process */
	uint64_t context;
	struct iocb request;
	uint64_t pointers[REQUESTS]; /* all to @request */
};
_Static_assert(sizeof(struct scratch) <= AIO_SCRATCH_BYTES, "fits");

struct ring {
	struct process *process;
	struct thread *thread;
	uint64_t scratch;
	uint64_t address;
	uint32_t slots;
};

static int call(struct ring *r, long *result, long number, uint64_t a1, uint64_t a2, uint64_t a3,
		uint64_t a4, uint64_t a5)
{
	int ret = inject_syscall(r->thread, result, number, a1, a2, a3, a4, a5, 0);

	return ret ? ret : *result < 0 && *result > -4096 ? (int)*result : 0;
}

static int put_head(struct ring *r, uint32_t head)
{
	return process_write(r->process, r->address + offsetof(struct ring_head, head), &head,
			     sizeof(head));
}

/* From position *@tail on, @count of them, none of which the program will see. */
static int complete(struct ring *r, uint32_t *tail, uint32_t count, bool taken)
{
	long done;
	int ret = 0;

	while (count && !ret) {
		uint32_t n = count < REQUESTS ? count : REQUESTS;

		if (n > r->slots / 2)
			n = r->slots / 2; /* some are held back for other processors */
		ret = call(r, &done, SYS_io_submit, r->address, n,
			   r->scratch + offsetof(struct scratch, pointers), 0, 0);
		if (!ret && !done)
			ret = -EAGAIN;
		if (ret)
			break;
		count -= (uint32_t)done;
		*tail = (*tail + (uint32_t)done) % r->slots;
		if (taken)
			ret = put_head(r, *tail);
	}
	return ret;
}

/* Fills the scratch area; a context that io_setup() shall fill in must be zero. */
static int prepare(struct ring *r, int fd)
{
	struct scratch *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return -ENOMEM;
	s->request.aio_lio_opcode = IOCB_CMD_PREAD;
	s->request.aio_fildes = (uint32_t)fd;
	for (size_t i = 0; i < REQUESTS; i++)
		s->pointers[i] = r->scratch + offsetof(struct scratch, request);
	ret = process_write(r->process, r->scratch, s, sizeof(*s));
	free(s);
	return ret;
}

static int put_events(struct ring *r, const struct aio_record *a, const struct io_event *events)
{
	uint64_t at = r->address + sizeof(struct ring_head);
	int ret = 0;

	for (uint32_t i = 0; i < a->unread && !ret; i++)
		ret = process_write(r->process, at + (a->head + i) % r->slots * sizeof(*events),
				    &events[i], sizeof(*events));
	return ret;
}

/*
 * A context with the ring's size: the smallest number of requests that needs as many pages. On a
 * host with many processors the kernel makes it larger.
 */
static int set_up(struct ring *r, const struct aio_record *a)
{
	uint64_t pages = (a->end - a->start) / PAGE_BYTES, least;
	struct ring_head head;
	long result;
	int ret;

	least = ((pages - 1) * PAGE_BYTES - sizeof(head)) / sizeof(struct io_event);
	least = pages > 1 && least > 2 ? (least - 2) / 2 + 1 : 1;
	ret = call(r, &result, SYS_io_setup, least, r->scratch, 0, 0, 0);
	if (!ret)
		ret = process_read(r->process, r->scratch, &r->address, sizeof(r->address));
	if (!ret)
		ret = process_read(r->process, r->address, &head, sizeof(head));
	r->slots = head.slots;
	return ret;
}

/* To its place, where a mapping that nobody may touch has kept it free. */
static int move(struct ring *r, const struct aio_record *a)
{
	uint64_t bytes = sizeof(struct ring_head) + (uint64_t)r->slots * sizeof(struct io_event);
	long result;
	int ret = 0;

	bytes = (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	if (a->start + bytes < a->end)
		return -E2BIG;
	if (a->start + bytes > a->end)
		ret = call(r, &result, SYS_mmap, a->end, a->start + bytes - a->end, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, (uint64_t)-1);
	if (!ret)
		ret = call(r, &result, SYS_mremap, r->address, bytes, bytes,
			   MREMAP_MAYMOVE | MREMAP_FIXED, a->start);
	return ret;
}

static int restore_ring(struct ring *r, const struct aio_record *a, const struct io_event *events,
			int fd)
{
	uint32_t tail = 0;
	int ret = prepare(r, fd);

	if (!ret)
		ret = set_up(r, a);
	if (!ret)
		ret = complete(r, &tail, a->head, true);
	if (!ret)
		ret = complete(r, &tail, a->unread, false);
	if (!ret)
		ret = put_events(r, a, events);
	return ret ? ret : move(r, a);
}

/* What a fork has copied is memory, and it comes back as such. */
static int restore_dead(struct ring *r, const struct aio_record *a, const void *content)
{
	long result;
	int ret = call(r, &result, SYS_mprotect, a->start, a->end - a->start,
		       PROT_READ | PROT_WRITE, 0, 0);

	return ret ? ret : process_write(r->process, a->start, content, a->end - a->start);
}

static int restore_record(struct ring *r, const struct record *record, int fd)
{
	struct aio_record a;
	const void *tail;
	size_t bytes;

	record_head(record, &a, sizeof(a));
	tail = record_tail(record, sizeof(a), &bytes);
	if (a.start % PAGE_BYTES || a.end % PAGE_BYTES || a.end <= a.start || a.end > USER_END ||
	    a.head >= a.slots || a.unread >= a.slots ||
	    a.slots != (a.end - a.start - sizeof(struct ring_head)) / sizeof(struct io_event) ||
	    bytes != (a.dead ? a.end - a.start : a.unread * sizeof(struct io_event)))
		return -EPROTO;
	return a.dead ? restore_dead(r, &a, tail) : restore_ring(r, &a, tail, fd);
}

int aio_restore(struct rebuilt_process *p, struct thread *t, uint64_t scratch)
{
	struct ring r = { .process = p->process, .thread = t, .scratch = scratch };
	const struct record *record = record_find(p->records, RECORD_AIO, NULL);
	static const char name[] = "nothing";
	long fd = -1, result;
	int ret, closed;

	if (!record)
		return 0;
	ret = process_write(p->process, scratch, name, sizeof(name));
	if (!ret)
		ret = call(&r, &fd, SYS_memfd_create, scratch, 0, 0, 0, 0);
	for (; record && !ret; record = record_find(p->records, RECORD_AIO, record))
		ret = restore_record(&r, record, (int)fd);
	if (fd >= 0) {
		closed = call(&r, &result, SYS_close, (uint64_t)fd, 0, 0, 0, 0);
		ret = ret ? ret : closed;
	}
	if (!ret)
		return 0;
	if (ret == -EPROTO)
		return fault_set(p->fault, EPROTO, "image-damaged",
				 "the record of asynchronous I/O makes no sense");
	if (ret == -EAGAIN || ret == -ENOMEM)
		return fault_set(p->fault, -ret, "aio-room",
				 "process %d: its asynchronous I/O (io_setup) cannot be set up: %s",
				 p->process->virtual_pid, strerror(-ret));
	return fault_set(p->fault, -ret, "restore-content",
			 "process %d: its asynchronous I/O (io_setup) cannot be made again: %s",
			 p->process->virtual_pid, strerror(-ret));
}
