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
#include "memory.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#define WORTH_BYTES (1u << 20) /* content of a mapping from which on it pays */

struct fill {
	struct process *process;
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
		uint64_t bytes = 0;

		for (; run < image->header.run_count && !image->runs[run].object; run++) {
			uint64_t start = image->runs[run].offset;
			uint64_t end = start + image->runs[run].bytes;

			if (start >= v->end)
				break;
			if (end > v->start)
				bytes += (end < v->end ? end : v->end) -
					 (start > v->start ? start : v->start);
			if (end > v->end)
				break; /* it goes on in the next one */
		}
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

static int place_registered(const struct fill *f, uint64_t address, const uint8_t *data,
			    uint64_t bytes)
{
	while (bytes) {
		struct uffdio_copy c = {
			.dst = address,
			.src = (uintptr_t)data,
			.len = bytes,
			.mode = UFFDIO_COPY_MODE_DONTWAKE,
		};

		/* EAGAIN: a part was done */
		if (ioctl(f->fault_fd, UFFDIO_COPY, &c) && (errno != EAGAIN || c.copy <= 0))
			return -errno;
		address += (uint64_t)c.copy;
		data += c.copy;
		bytes -= (uint64_t)c.copy;
	}
	return 0;
}

/* From several threads at once. A piece may reach over several mappings. */
static int place(void *context, uint64_t address, const void *data, uint64_t bytes)
{
	const struct fill *f = context;
	const uint8_t *from = data;
	int ret = 0;

	while (bytes && ret >= 0) {
		size_t i = range_at(f, address);
		uint64_t n = bytes;

		if (i < f->count && f->ranges[i].start <= address) {
			if (n > f->ranges[i].end - address)
				n = f->ranges[i].end - address;
			ret = place_registered(f, address, from, n);
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

int memory_fill(struct rebuilt_process *p, struct thread *t, const struct memory_table *table)
{
	struct fill f = { .process = p->process, .fault_fd = -1, .number = -1 };
	int ret, closed;

	ret = choose(&f, p->image, table);
	if (ret >= 0 && f.count && !huge_pages_always()) {
		make_fault_fd(&f, t);
		register_ranges(&f);
	} else {
		f.count = 0;
	}
	if (ret >= 0)
		ret = image_reader_content(p->image, 0, 0, USER_END, p->rebuild->workers, place, &f,
					   p->fault);
	closed = close_fault_fd(&f, t);
	free(f.ranges);
	return ret < 0 ? ret : closed;
}
