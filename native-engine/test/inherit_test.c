/* Which memory several images may have in common: by their mappings and runs alone. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../src/resource/memory_inherit.h"
#include "../src/restart/rebuild.h"
#include "check.h"

#define MIB (1ull << 20)
#define BASE 0x700000000000ull
#define IMAGES 3
#define USER_MODE_ONLY 1 /* UFFD_USER_MODE_ONLY, Linux 5.11 */

static struct image_reader images[IMAGES];
static struct image_run runs[IMAGES][16];

static void begin(void)
{
	for (int i = 0; i < IMAGES; i++) {
		buffer_free(&images[i].records);
		memset(&images[i], 0, sizeof(images[i]));
		images[i].runs = runs[i];
	}
}

/* In MiB from BASE on. */
static void map(int image, uint64_t start, uint64_t end, uint32_t flags)
{
	struct vma_record v = { .start = BASE + start * MIB, .end = BASE + end * MIB,
				.protection = PROT_READ | PROT_WRITE, .page_shift = 12,
				.flags = VMA_MAY_WRITE | VMA_ACCOUNTED | flags };

	record_append(&images[image].records, RECORD_VMA, &v, sizeof(v), NULL, 0);
}

static void run(int image, uint64_t start, uint64_t end)
{
	struct image_header *h = &images[image].header;

	runs[image][h->run_count++] = (struct image_run){ .offset = BASE + start * MIB,
							  .bytes = (end - start) * MIB };
	h->raw_content_bytes += (end - start) * MIB;
}

static void find(struct inherited *in, const uint32_t order[IMAGES])
{
	struct image_reader *list[IMAGES] = { &images[0], &images[1], &images[2] };
	struct rebuild r = { .images = list, .image_count = IMAGES };

	*in = (struct inherited){ .image_count = IMAGES };
	CHECK(memory_common_find(in, &r, order, IMAGES) == 0);
}

static void release(struct inherited *in)
{
	for (size_t i = 0; i < in->area_count; i++)
		free(in->areas[i].wanted);
	free(in->areas);
	free(in->pieces);
}

static void expect_piece(const struct inherited *in, size_t i, uint64_t start, uint64_t end,
			 uint32_t source, uint32_t other)
{
	const struct inherited_piece *p = &in->pieces[i];

	CHECK(i < in->piece_count);
	CHECK(p->start == BASE + start * MIB && p->end == BASE + end * MIB, "piece %zu", i);
	CHECK(p->source == source && p->other == other, "piece %zu", i);
}

static const uint32_t by_number[IMAGES] = { 0, 1, 2 };

/* One mapping has grown, one has shrunk: one area around all; pages of one alone are no piece. */
static void check_union(void)
{
	static const uint32_t last_first[IMAGES] = { 2, 1, 0 };
	struct inherited in;

	begin();
	map(0, 0, 8, 0);
	run(0, 0, 3);
	run(0, 3, 6);
	map(1, 2, 12, 0);
	run(1, 2, 11);
	map(2, 10, 14, 0);
	run(2, 10, 14);
	find(&in, by_number);
	CHECK(in.area_count == 1 && in.piece_count == 2);
	CHECK(in.areas[0].start == BASE && in.areas[0].end == BASE + 14 * MIB);
	CHECK(in.areas[0].wanted[0] && in.areas[0].wanted[1] && in.areas[0].wanted[2]);
	expect_piece(&in, 0, 2, 6, 0, 1);
	expect_piece(&in, 1, 10, 11, 1, 2);
	release(&in);

	find(&in, last_first);
	expect_piece(&in, 0, 2, 6, 1, 0);
	expect_piece(&in, 1, 10, 11, 2, 1);
	release(&in);
}

/* Mappings that only touch are two areas; a third image has no part in the first. */
static void check_neighbours(void)
{
	struct inherited in;

	begin();
	for (int i = 0; i < 2; i++) {
		map(i, 0, 4, 0);
		map(i, 4, 8, VMA_NO_RESERVE);
		run(i, 0, 8);
	}
	map(2, 4, 8, VMA_NO_RESERVE);
	run(2, 5, 8);
	find(&in, by_number);
	CHECK(in.area_count == 2 && in.piece_count == 2);
	CHECK(!in.areas[0].no_reserve && in.areas[1].no_reserve);
	CHECK(!in.areas[0].wanted[2] && in.areas[1].wanted[2]);
	expect_piece(&in, 0, 0, 4, 0, 1);
	expect_piece(&in, 1, 4, 8, 0, 1);
	release(&in);
}

static void expect_nothing(uint32_t first, uint32_t second, uint64_t pages)
{
	struct inherited in;

	begin();
	map(0, 0, 4, first);
	run(0, 0, 4);
	map(1, 0, 4, second);
	run(1, 4 - pages, 4);
	find(&in, by_number);
	CHECK(in.area_count == 0 && in.piece_count == 0, "%x %x", first, second);
	release(&in);
}

/* Only where all want them: the others would inherit that. */
static void check_huge_pages(uint32_t second, bool huge)
{
	struct inherited in;

	begin();
	map(0, 0, 4, VMA_HUGE_PAGE);
	run(0, 0, 4);
	map(1, 0, 4, second);
	run(1, 0, 4);
	find(&in, by_number);
	CHECK(in.area_count == 1 && in.areas[0].huge == huge);
	release(&in);
}

/* A large page reaches beyond what is kept: a page that is there, between missing ones. */
static void check_large_page(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register r = { .range.len = 4 * PAGE_BYTES,
				     .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct process self = { .live_tid = getpid(), .mem_fd = -1 };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | USER_MODE_ONLY);
	uint8_t data[4 * PAGE_BYTES], *area;

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api)) {
		puts("no userfaultfd");
		return;
	}
	area = mmap(NULL, sizeof(data), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED && !madvise(area, sizeof(data), MADV_NOHUGEPAGE));
	area[PAGE_BYTES] = 1;
	r.range.start = (uintptr_t)area;
	CHECK(!ioctl(fd, UFFDIO_REGISTER, &r));
	memset(data, 7, sizeof(data));
	CHECK(memory_fill_registered(&self, fd, false, r.range.start, data, sizeof(data)) ==
	      -EEXIST);
	CHECK(!madvise(area, PAGE_BYTES, MADV_DONTNEED));
	CHECK(!memory_fill_registered(&self, fd, true, r.range.start, data, sizeof(data)));
	close(fd);
	CHECK(!memcmp(area, data, sizeof(data)));
	munmap(area, sizeof(data));
}

/* Where our stack may grow to: not even when it has not yet. */
static void check_below_stack(void)
{
	uint64_t stack = (uintptr_t)__builtin_frame_address(0) / MIB * MIB;
	struct image_reader *list[IMAGES] = { &images[0], &images[1], &images[2] };
	struct rebuild r = { .images = list, .image_count = IMAGES };
	uint64_t start = (stack - BASE) / MIB - 6;
	bool all = true;

	begin();
	for (int i = 0; i < 2; i++) {
		map(i, start, start + 2, 0);
		run(i, start, start + 2);
	}
	CHECK(!memory_inherit_reserve(&r, by_number, IMAGES, &all) && !all);
}

int main(void)
{
	check_union();
	check_neighbours();
	check_huge_pages(VMA_HUGE_PAGE, true);
	check_huge_pages(VMA_NO_HUGE_PAGE, false);
	expect_nothing(0, VMA_NO_RESERVE, 4);
	expect_nothing(0, VMA_LOCKED, 4);
	expect_nothing(VMA_DONT_FORK, VMA_DONT_FORK, 4);
	expect_nothing(VMA_WIPE_ON_FORK, VMA_WIPE_ON_FORK, 4);
	expect_nothing(VMA_GUARDED, 0, 4);
	expect_nothing(0, 0, 0);
	check_below_stack();
	check_large_page();
	puts("ok");
	return 0;
}
