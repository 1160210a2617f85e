/*
 * Writes the pages of an image into a rebuilt process. Large anonymous mappings are filled through
 * a userfaultfd: the kernel then copies into a fresh page without having cleared it first, 1.0 us
 * of processor time a page instead of 1.8 with process_vm_writev(2) (measured, Linux 6.18).
 * Everything else, and everything where there is no userfaultfd, is written with process_write().
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../restart/rebuild.h"
#include "memory_inherit.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#define WORTH_BYTES (1u << 20) /* content of a mapping from which on it pays */
#define OWN_PIECES 64

struct fill {
	struct process *process;
	const struct kept *kept;
	int fault_fd; /* -1: none */
	int number;   /* of the same in the process */
	struct file_range *ranges; /* registered, ascending */
	size_t count;
};

/* With huge pages for everything the ordinary way is the fast one: it makes them. */
static bool huge_pages_always(void)
{
	char *text = NULL;
	bool always = false;
	char setting[64] = "";
	int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, setting, sizeof(setting) - 1) > 0)
			text = strstr(setting, "[always]");
		always = text != NULL;
		close(fd);
	}
	return always;
}

static bool suitable(const struct vma_record *v)
{
	return !v->file_id && !(v->flags & (VMA_SHARED | VMA_HUGETLB | VMA_DROPPABLE |
					    VMA_HUGE_PAGE | VMA_GROWS_DOWN));
}

/* The mappings that hold enough; runs and mappings both ascend. */
static int choose(struct fill *f, const struct image_reader *image, const struct memory_table *t)
{
	uint64_t run = 0;

	f->ranges = calloc(t->count ? t->count : 1, sizeof(*f->ranges));
	if (!f->ranges)
		return -ENOMEM;
	for (size_t i = 0; i < t->count; i++) {
		const struct vma_record *v = &t->vmas[i];
		uint64_t bytes = memory_common_bytes(image, v->start, v->end, &run);

		if (bytes >= WORTH_BYTES && suitable(v))
			f->ranges[f->count++] = (struct file_range){ v->start, v->end };
	}
	return 0;
}

/* A userfaultfd of the process, borrowed; or -1. */
static void make_fault_fd(struct fill *f, struct thread *t)
{
	struct uffdio_api api = { .api = UFFD_API };
	long result = -1;

	if (inject_syscall(t, &result, SYS_userfaultfd,
			   O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY, 0, 0, 0, 0, 0) < 0)
		return;
	if (result == -EINVAL && /* before 5.11 there is no such flag */
	    inject_syscall(t, &result, SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK, 0, 0, 0, 0, 0) < 0)
		return;
	if (result < 0)
		return;
	f->number = (int)result;
	f->fault_fd = (int)syscall(SYS_pidfd_getfd, f->process->pidfd, f->number, 0);
	if (f->fault_fd >= 0 && ioctl(f->fault_fd, UFFDIO_API, &api)) {
		close(f->fault_fd);
		f->fault_fd = -1;
	}
}

static void register_ranges(struct fill *f)
{
	size_t count = 0;

	for (size_t i = 0; i < f->count && f->fault_fd >= 0; i++) {
		struct uffdio_register r = {
			.range = { f->ranges[i].start, f->ranges[i].end - f->ranges[i].start },
			.mode = UFFDIO_REGISTER_MODE_MISSING,
		};

		if (!ioctl(f->fault_fd, UFFDIO_REGISTER, &r))
			f->ranges[count++] = f->ranges[i];
	}
	f->count = count;
}

/* The first registered range that ends behind @address, or the end of the list. */
static size_t range_at(const struct fill *f, uint64_t address)
{
	size_t low = 0, high = f->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (f->ranges[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int memory_fill_registered(struct process *p, int fault_fd, bool inherited, uint64_t address,
			   const uint8_t *data, uint64_t bytes)
{
	while (bytes) {
		struct uffdio_copy c = {
			.dst = address,
			.src = (uintptr_t)data,
			.len = bytes,
			.mode = UFFDIO_COPY_MODE_DONTWAKE,
		};

		/* EAGAIN: a part was done */
		if (ioctl(fault_fd, UFFDIO_COPY, &c) && (errno != EAGAIN || c.copy <= 0)) {
			uint64_t page = bytes < PAGE_BYTES ? bytes : PAGE_BYTES;
			int ret;

			/* it was inherited: as a part of a large page around what is kept */
			if (errno != EEXIST || !inherited)
				return -errno;
			/* only this one: the next may be missing, which is no place to write to */
			ret = process_write(p, address, data, page);
			if (ret < 0)
				return ret;
			c.copy = (int64_t)page;
		}
		address += (uint64_t)c.copy;
		data += c.copy;
		bytes -= (uint64_t)c.copy;
	}
	return 0;
}

/* May reach over several mappings. */
static int place_fresh(const struct fill *f, uint64_t address, const uint8_t *from, uint64_t bytes)
{
	int ret = 0;

	while (bytes && ret >= 0) {
		size_t i = range_at(f, address);
		uint64_t n = bytes;

		if (i < f->count && f->ranges[i].start <= address) {
			if (n > f->ranges[i].end - address)
				n = f->ranges[i].end - address;
			ret = memory_fill_registered(f->process, f->fault_fd, f->kept->mappings,
						     address, from, n);
		} else {
			if (i < f->count && n > f->ranges[i].start - address)
				n = f->ranges[i].start - address;
			ret = process_write(f->process, address, from, n);
		}
		address += n;
		from += n;
		bytes -= n;
	}
	return ret;
}

/* Over pages that the process has inherited and the builder has at the same address. */
static int place_kept(const struct fill *f, uint64_t address, const uint8_t *data, uint64_t bytes)
{
	uint64_t first = 0, at = 0; /* from @first up to @at it differs */
	int ret = 0;

	while (at < bytes && ret >= 0) {
		uint64_t n = bytes - at < PAGE_BYTES ? bytes - at : PAGE_BYTES;

		if (!memcmp((const void *)(address + at), data + at, n)) {
			if (first < at)
				ret = process_write(f->process, address + first, data + first,
						    at - first);
			first = at + n;
		}
		at += n;
	}
	if (first < bytes && ret >= 0)
		ret = process_write(f->process, address + first, data + first, bytes - first);
	return ret;
}

/* From several threads at once. */
static int place(void *context, uint64_t address, const void *data, uint64_t bytes)
{
	const struct fill *f = context;
	const uint8_t *from = data;
	size_t i = memory_kept_at(f->kept, address);
	int ret = 0;

	while (bytes && ret >= 0) {
		const struct inherited_piece *piece = &f->kept->pieces[i];
		uint64_t n = bytes;

		if (i == f->kept->count || piece->start >= address + bytes) {
			ret = place_fresh(f, address, from, n);
		} else if (address < piece->start) {
			n = piece->start - address;
			ret = place_fresh(f, address, from, n);
		} else {
			if (n >= piece->end - address) {
				n = piece->end - address;
				i++;
			}
			if (piece->source != f->kept->image)
				ret = place_kept(f, address, from, n);
		}
		address += n;
		from += n;
		bytes -= n;
	}
	return ret;
}

static int write_range(struct fill *f, struct rebuilt_process *p, uint64_t start, uint64_t end)
{
	if (start >= end)
		return 0;
	return image_reader_content(p->image, 0, start, end - start, p->rebuild->workers, place, f,
				    p->fault);
}

/* What the builder has from this image is not read again, unless it lies in many pieces. */
static int write_content(struct fill *f, struct rebuilt_process *p)
{
	const struct kept *k = f->kept;
	uint64_t at = 0;
	size_t own = 0;
	int ret = 0;

	for (size_t i = 0; i < k->count; i++)
		own += k->pieces[i].source == k->image;
	for (size_t i = 0; own <= OWN_PIECES && i < k->count && ret >= 0; i++) {
		if (k->pieces[i].source != k->image)
			continue;
		ret = write_range(f, p, at, k->pieces[i].start);
		at = k->pieces[i].end;
	}
	return ret < 0 ? ret : write_range(f, p, at, USER_END);
}

/* The process must not keep it: a fault of its own would wait for ever. */
static int close_fault_fd(struct fill *f, struct thread *t)
{
	long result;
	int ret = 0;

	if (f->fault_fd >= 0) {
		for (size_t i = 0; i < f->count && ret >= 0; i++) {
			struct uffdio_range r = { f->ranges[i].start,
						  f->ranges[i].end - f->ranges[i].start };

			if (ioctl(f->fault_fd, UFFDIO_UNREGISTER, &r))
				ret = -errno;
		}
		close(f->fault_fd);
	}
	if (f->number >= 0 &&
	    inject_syscall(t, &result, SYS_close, (uint64_t)f->number, 0, 0, 0, 0, 0) < 0)
		ret = -ESRCH;
	return ret;
}

int memory_fill(struct rebuilt_process *p, struct thread *t, const struct memory_table *table,
		const struct kept *kept)
{
	struct fill f = { .process = p->process, .kept = kept, .fault_fd = -1, .number = -1 };
	int ret, closed;

	ret = choose(&f, p->image, table);
	if (ret >= 0 && f.count && !huge_pages_always()) {
		make_fault_fd(&f, t);
		register_ranges(&f);
	} else {
		f.count = 0;
	}
	if (ret >= 0)
		ret = write_content(&f, p);
	closed = close_fault_fd(&f, t);
	free(f.ranges);
	return ret < 0 ? ret : closed;
}
