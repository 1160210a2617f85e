/*
 * Memory: hostile records are refused by name and never crash; a process is rebuilt, also where the
 * kernel's vDSO is not the one of the image.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../src/common/proc.h"
#include "../src/engine/shared.h"
#include "../src/resource/memory.h"
#include "../src/restart/rebuild.h"
#include "check.h"

extern const struct resource memory_resource;

/* ---- a process that tells through a pipe that it lives ---- */

#define TALK_FD 60
#define PAGES 16

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static void __attribute__((noreturn)) subject(void)
{
	char *area = mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < PAGES; i++)
		memset(area + i * PAGE_BYTES, i, PAGE_BYTES);
	for (char tick = 0;; tick++) {
		struct timespec now = { 0, 0 };

		clock_gettime(CLOCK_MONOTONIC, &now); /* through the vDSO */
		for (int i = 0; i < PAGES; i++)
			if (area[i * PAGE_BYTES + 99] != i)
				_exit(1);
		if (!now.tv_sec || write(TALK_FD, &tick, 1) != 1)
			_exit(2);
		sleep_ms(10);
	}
}

static pid_t start(int talk, void (*life)(void))
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(talk, TALK_FD);
	life();
	_exit(0);
}

/* What becomes another process: no rseq, no signals, it stands still. */
static void wait_to_be_rebuilt(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (__rseq_size)
		syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32, 1,
			RSEQ_SIG);
	for (;;)
		pause();
}

/* Until then its rseq area must not go: the kernel would write there. */
static void await_pause(pid_t pid)
{
	bool pauses = false;
	char *call;

	for (int i = 0; i < 5000 && !pauses; i++) {
		CHECK(proc_read_text(pid, "syscall", &call, NULL) == 0);
		pauses = atoi(call) == SYS_pause;
		free(call);
		sleep_ms(1);
	}
	CHECK(pauses);
}

struct saved {
	char path[64];
	struct user_regs_struct regs;
	uint64_t mask;
	uint8_t xstate[16384];
	size_t xstate_bytes;
};

static void capture(pid_t pid, struct saved *s)
{
	struct image_options options = { .codec = CODEC_ZSTD, .workers = 1 };
	struct image_header header = { .members = 1, .owner_uid = getuid(), .generation = 1 };
	struct round round = { .host_salt = 7 };
	struct image_summary summary;
	struct buffer records = { 0 };
	struct image_writer *writer;
	struct fault fault = { 0 };
	struct process *process;
	struct iovec area = { s->xstate, sizeof(s->xstate) };
	struct capture c = { .round = &round, .records = &records, .fault = &fault };

	CHECK(!shared_open(&round));
	CHECK(!process_freeze(pid, 5000, &process, &fault));
	round.members = &process;
	round.member_count = 1;
	snprintf(s->path, sizeof(s->path), "/tmp/memory_test.%d", getpid());
	CHECK(!image_writer_open(&writer, s->path, &options, &fault));
	c.process = process;
	c.image = writer;
	c.content_pid = process->live_tid;
	c.content_mem_fd = process->mem_fd;
	if (memory_resource.capture(&c))
		fprintf(stderr, "%s: %s\n", fault.id, fault.text);
	CHECK(!fault.id[0]);
	CHECK(!image_writer_flush(writer, &fault));
	s->regs = process->threads[0].regs;
	s->mask = process->threads[0].sigmask;
	CHECK(!ptrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &area));
	s->xstate_bytes = area.iov_len;
	kill(pid, SIGKILL);
	process_free(process);
	CHECK(!image_writer_finish(writer, &header, &records, &summary, &fault));
	image_writer_close(writer);
	buffer_free(&records);
	shared_content_free(&round);
	shared_close(&round);
}

/* A process with the memory of the image, running. */
static pid_t rebuild(struct image_reader *image, struct saved *s, int talk)
{
	struct fault fault = { 0 };
	struct rebuild r = { .images = &image, .image_count = 1, .reserved_from = 100,
			     .workers = 2 };
	struct rebuilt_process p = { .rebuild = &r, .image = image, .records = &image->records,
				     .fault = &fault };
	struct iovec area = { s->xstate, s->xstate_bytes };
	struct thread *t;
	pid_t pid;

	CHECK(!memory_resource.verify(image, &fault));
	CHECK(!memory_resource.restore_shared(&p));
	pid = start(talk, wait_to_be_rebuilt);
	await_pause(pid);
	CHECK(!process_freeze(pid, 5000, &p.process, &fault));
	t = &p.process->threads[0];
	if (memory_resource.restore_outside(&p))
		fprintf(stderr, "%s: %s\n", fault.id, fault.text);
	CHECK(!fault.id[0]);
	CHECK(!memory_resource.restore_last(&p));
	t->regs = s->regs;
	t->sigmask = s->mask;
	if ((int64_t)t->regs.rax <= -512 && (int64_t)t->regs.rax >= -516) { /* it slept */
		t->regs.rax = t->regs.orig_rax;
		t->regs.rip -= 2;
		t->regs.orig_rax = -1;
	}
	CHECK(!ptrace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &area));
	CHECK(!thread_put_state(t));
	process_thaw(p.process);
	rebuild_close_objects(&r);
	free(r.known_code);
	return pid;
}

static void expect_ticks(int talk, int count)
{
	while (count--) {
		struct pollfd p = { .fd = talk, .events = POLLIN };
		char tick;

		CHECK(poll(&p, 1, 5000) == 1);
		CHECK(read(talk, &tick, 1) == 1);
	}
}

static void drop_ticks(int talk)
{
	char ticks[4096];

	fcntl(talk, F_SETFL, O_NONBLOCK);
	while (read(talk, ticks, sizeof(ticks)) > 0)
		;
	fcntl(talk, F_SETFL, 0);
}

static uint64_t vdso_start(const struct image_reader *image)
{
	uint64_t start = 0;

	record_head(record_find(&image->records, RECORD_VDSO, NULL), &start, sizeof(start));
	return start;
}

static bool kernel_vdso_is_at(pid_t pid, uint64_t address)
{
	struct live_memory m;
	bool found = false, mapped = false;

	CHECK(!live_memory_read(&m, pid, pid, 0, NULL));
	for (size_t i = 0; i < m.count; i++)
		if (m.vmas[i].v.start <= address && address < m.vmas[i].v.end) {
			mapped = true;
			found = m.vmas[i].special == SPECIAL_VDSO;
		}
	live_memory_free(&m);
	CHECK(mapped);
	return found;
}

/* @other_vdso: as if the image came from another kernel. */
static void check_rebuild(bool other_vdso)
{
	struct image_reader *image;
	struct fault fault = { 0 };
	struct saved s;
	int talk[2];
	pid_t pid;

	CHECK(!pipe(talk));
	pid = start(talk[1], subject);
	expect_ticks(talk[0], 3);
	capture(pid, &s);
	CHECK(!image_reader_open(&image, s.path, &fault));
	unlink(s.path);
	if (other_vdso) {
		const struct record *r = record_find(&image->records, RECORD_VDSO, NULL);

		CHECK(r);
		((uint8_t *)r->payload)[r->bytes - 1] ^= 1; /* padding behind the code */
	}
	drop_ticks(talk[0]);
	pid = rebuild(image, &s, talk[1]);
	expect_ticks(talk[0], 20);
	CHECK(kernel_vdso_is_at(pid, vdso_start(image)) == !other_vdso);
	CHECK(!waitpid(pid, NULL, WNOHANG));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	image_reader_close(image);
	close(talk[0]);
	close(talk[1]);
}

/* ---- hostile images ---- */

static void vma(struct buffer *b, uint64_t start, uint64_t end, uint32_t flags, uint64_t file_id)
{
	struct vma_record v = { .start = start, .end = end, .flags = flags, .file_id = file_id,
				.protection = PROT_READ, .page_shift = 12 };

	record_append(b, RECORD_VMA, &v, sizeof(v), NULL, 0);
}

static void mm(struct buffer *b, uint64_t bound)
{
	uint64_t head[12] = { 0 }; /* eleven bounds, no auxv, no path */

	for (int i = 0; i < 11; i++)
		head[i] = bound;
	record_append(b, RECORD_MM, head, sizeof(head), NULL, 0);
}

static void file(struct buffer *b, uint64_t id, uint32_t ranges, uint32_t path_bytes)
{
	struct mapped_file_record f = { .id = id, .kind = MAPPED_ELF, .range_count = ranges,
					.path_bytes = path_bytes };

	record_append(b, RECORD_MAPPED_FILE, &f, sizeof(f), "/no", 3);
}

static void vdso(struct buffer *b, uint64_t start, uint64_t bytes, uint64_t area,
		 uint64_t area_bytes)
{
	uint64_t head[4] = { start, bytes, area, area_bytes };
	uint8_t code[4096] = { 0 };

	record_append(b, RECORD_VDSO, head, sizeof(head), code, sizeof(code));
}

static void range(struct buffer *b, uint32_t type, uint64_t start, uint64_t end)
{
	struct range_record r = { start, end };

	record_append(b, type, &r, sizeof(r), NULL, 0);
}

static void segment(struct buffer *b, int32_t id, uint64_t bytes)
{
	struct {
		uint64_t object, bytes;
		int32_t id, rest[5];
	} head = { 9, bytes, id, { 0 } };

	record_append(b, RECORD_SYSV_SHM, &head, sizeof(head), NULL, 0);
}

/* Refused with the error @id (NULL: accepted), and the records freed. */
static void expect(struct buffer *b, const struct image_run *run, const char *id)
{
	struct image_reader image = { .records = *b, .runs = (struct image_run *)run,
				      .header = { .run_count = run ? 1 : 0 } };
	struct fault fault = { 0 };
	int ret;

	mm(&image.records, 0x10000);
	ret = memory_resource.verify(&image, &fault);
	if (strcmp(fault.id, id ? id : "") || (ret < 0) != (id != NULL)) {
		fprintf(stderr, "%d, %s: %s; expected %s\n", ret, fault.id, fault.text,
			id ? id : "nothing");
		exit(1);
	}
	buffer_free(&image.records);
	memset(b, 0, sizeof(*b));
}

#define BAD "image-damaged"

static void check_hostile(void)
{
	const struct image_run outside = { .offset = 0x900000, .bytes = 4096 };
	const struct image_run inside = { .offset = 0x400000, .bytes = 4096 };
	const struct image_run wraps = { .offset = ~0ull - 4095, .bytes = 8192 };
	struct buffer b = { 0 };

	vma(&b, 0x400000, 0x500000, 0, 0);
	expect(&b, NULL, NULL);
	vma(&b, 0x400000, 0x500000, 0, 0);
	expect(&b, &inside, NULL);
	vma(&b, 0x400000, 0x500000, 0, 0);
	vma(&b, 0x4ff000, 0x600000, 0, 0);
	expect(&b, NULL, BAD); /* overlap */
	vma(&b, 0x500000, 0x400000, 0, 0);
	expect(&b, NULL, BAD); /* backwards */
	vma(&b, 0x400000, 0x400000, 0, 0);
	expect(&b, NULL, BAD); /* empty */
	vma(&b, 0x400001, 0x500000, 0, 0);
	expect(&b, NULL, BAD); /* odd */
	vma(&b, 0xffff888000000000, 0xffff888000001000, 0, 0);
	expect(&b, NULL, BAD); /* the kernel's */
	vma(&b, 0x400000, 0xfffffffffffff000, 0, 0);
	expect(&b, NULL, BAD); /* everything */
	vma(&b, 0x400000, 0x500000, 1u << 31, 0);
	expect(&b, NULL, BAD); /* unknown flag */
	vma(&b, 0x400000, 0x500000, VMA_SHARED, 0);
	expect(&b, NULL, BAD); /* shared with nothing */
	vma(&b, 0x400000, 0x500000, 0, 5);
	expect(&b, NULL, BAD); /* no such file */
	vma(&b, 0x400000, 0x500000, 0, 0);
	expect(&b, &outside, BAD);
	vma(&b, 0x400000, 0x500000, 0, 0);
	expect(&b, &wraps, BAD);
	vma(&b, 0x400000, 0x500000, 0, 5);
	file(&b, 5, 0, 3);
	expect(&b, NULL, NULL);
	vma(&b, 0x400000, 0x500000, 0, 5);
	file(&b, 5, 0xffffffff, 3);
	expect(&b, NULL, BAD); /* ranges that are not there */
	vma(&b, 0x400000, 0x500000, 0, 5);
	file(&b, 5, 0, 0xffffffff);
	expect(&b, NULL, BAD); /* a path that is not there */
	vma(&b, 0x400000, 0x500000, 0, 0);
	vdso(&b, 0x480000, 4096, 0x480000, 4096);
	expect(&b, NULL, BAD); /* vDSO within a mapping */
	vma(&b, 0x400000, 0x500000, 0, 0);
	vdso(&b, 0x7fff00000000, 4096, 0x7fff00001000, 4096);
	expect(&b, NULL, BAD); /* outside of its area */
	vma(&b, 0x400000, 0x500000, 0, 0);
	vdso(&b, 0xfffffffffffff000, 4096, 0xfffffffffffff000, 4096);
	expect(&b, NULL, BAD);
	vma(&b, 0x400000, 0x500000, 0, 0);
	vdso(&b, 0x7fff00000000, 1ull << 40, 0x7fff00000000, 1ull << 40);
	expect(&b, NULL, BAD);
	vma(&b, 0x400000, 0x500000, 0, 0);
	range(&b, RECORD_GUARD, 0x400000, 0xffffffffffffffff);
	expect(&b, NULL, BAD);
	vma(&b, 0x400000, 0x500000, 0, 0);
	range(&b, RECORD_COPIED, 0x600000, 0x601000);
	expect(&b, NULL, BAD);
	mm(&b, ~0ull);
	vma(&b, 0x400000, 0x500000, 0, 0);
	expect(&b, NULL, BAD); /* the first one counts */
	vma(&b, 0x400000, 0x500000, VMA_SYSV, 0);
	expect(&b, NULL, BAD); /* an attachment of nothing */
	vma(&b, 0x400000, 0x500000, 0, 0);
	segment(&b, -1, 4096);
	expect(&b, NULL, BAD);
	vma(&b, 0x400000, 0x500000, 0, 0);
	segment(&b, 3, ~0ull);
	expect(&b, NULL, BAD);
	for (uint64_t i = 0; i < 100000; i++)
		vma(&b, 0x400000 + i * 0x2000, 0x401000 + i * 0x2000, 0, 0);
	expect(&b, NULL, "too-many-mappings");
}

/* Whatever is in the records, checking them ends with a named refusal or none. */
static void check_random_damage(void)
{
	struct image_reader *image;
	struct fault fault = { 0 };
	unsigned int refused = 0;
	struct buffer original;
	struct saved s;
	int talk[2];

	CHECK(!pipe(talk));
	capture(start(talk[1], subject), &s);
	CHECK(!image_reader_open(&image, s.path, &fault));
	unlink(s.path);
	original = image->records;
	srandom(1);
	for (int i = 0; i < 3000; i++) {
		image->records.data = malloc(original.bytes);
		memcpy(image->records.data, original.data, original.bytes);
		for (long k = random() % 4; k >= 0; k--) {
			size_t at = (size_t)random() % original.bytes & ~7ull;
			uint64_t value = (uint64_t)random() << 33 ^ (uint64_t)random();

			/* payloads only: what the records are has its own checks */
			if (at + 8 <= original.bytes)
				memcpy(image->records.data + at, &value, 1 + (size_t)random() % 8);
		}
		memset(&fault, 0, sizeof(fault));
		if (memory_resource.verify(image, &fault) < 0) {
			CHECK(fault.id[0]);
			refused++;
		}
		free(image->records.data);
	}
	CHECK(refused > 300, "%u", refused);
	image->records = original;
	image_reader_close(image);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	check_hostile();
	check_random_damage();
	check_rebuild(false);
	check_rebuild(true);
	puts("ok");
	return 0;
}
