#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../common/array.h"
#include "../common/file.h"

#define PAGE 4096u

static bool is_zero(const uint8_t *data, size_t bytes)
{
	if (bytes != PAGE) {
		for (size_t i = 0; i < bytes; i++)
			if (data[i])
				return false;
		return true;
	}
	for (size_t i = 0; i < PAGE; i += 64) {
		uint64_t word[8];

		memcpy(word, data + i, sizeof(word)); /* the page need not be aligned in @raw */
		if (word[0] | word[1] | word[2] | word[3] | word[4] | word[5] | word[6] | word[7])
			return false;
	}
	return true;
}

static int run_add(struct run_list *l, uint64_t object, uint64_t offset, uint64_t bytes,
		   uint32_t chunk_offset)
{
	struct image_run *last = l->count ? &l->runs[l->count - 1] : NULL, *runs;

	if (last && last->object == object && last->offset + last->bytes == offset &&
	    last->chunk_offset + last->bytes == chunk_offset) {
		last->bytes += bytes;
		return 0;
	}
	runs = array_grow(l->runs, l->count, &l->capacity, sizeof(*runs));
	if (!runs)
		return -ENOMEM;
	l->runs = runs;
	l->runs[l->count++] = (struct image_run){ .object = object, .offset = offset,
						  .bytes = bytes, .chunk_offset = chunk_offset };
	return 0;
}

/* One piece of process memory page by page: unreadable pages become zero where that is allowed. */
static int read_pages(const struct piece *p, uint64_t done, uint8_t *raw)
{
	while (done < p->bytes) {
		uint64_t address = p->source_offset + done;
		uint64_t n = PAGE - address % PAGE;
		struct iovec local = { raw + done, 0 }, remote = { (void *)address, 0 };

		if (n > p->bytes - done)
			n = p->bytes - done;
		local.iov_len = remote.iov_len = n;
		if (process_vm_readv(p->pid, &local, 1, &remote, 1, 0) != (ssize_t)n) {
			int error = errno;

			if (error == ESRCH)
				return -ESRCH;
			/* PROT_NONE and the like: the kernel lets a tracer read it here (mem(5)). */
			if (p->fd < 0 || file_read_at(p->fd, raw + done, n, address) < 0) {
				if (!p->skip_unreadable)
					return -EFAULT;
				memset(raw + done, 0, n);
			}
		}
		done += n;
	}
	return 0;
}

/* Pieces first ... first + count - 1 belong to one process. */
static int read_process(const struct piece *pieces, size_t count, uint8_t *raw)
{
	struct iovec remote[SOURCE_MAX_PIECES], local;
	size_t first = 0;

	while (first < count) {
		size_t total = 0;
		ssize_t n;

		for (size_t i = first; i < count; i++) {
			remote[i - first].iov_base = (void *)pieces[i].source_offset;
			remote[i - first].iov_len = pieces[i].bytes;
			total += pieces[i].bytes;
		}
		local = (struct iovec){ raw, total };
		n = process_vm_readv(pieces->pid, &local, 1, remote, count - first, 0);
		if (n < 0 && errno == ESRCH)
			return -ESRCH;
		if (n < 0)
			n = 0;
		/* It ends in the piece that could not be read on: that one page by page, then on. */
		while (first < count && (size_t)n >= pieces[first].bytes) {
			n -= pieces[first].bytes;
			raw += pieces[first].bytes;
			first++;
		}
		if (first < count) {
			int ret = read_pages(&pieces[first], n, raw);

			if (ret < 0)
				return ret;
			raw += pieces[first].bytes;
			first++;
		}
	}
	return 0;
}

/* A file that has become shorter ends in zeros, as a mapping of it would. */
static int read_fd(const struct piece *p, uint8_t *raw)
{
	uint64_t done = 0;

	while (done < p->bytes) {
		ssize_t n = pread(p->fd, raw + done, p->bytes - done, p->source_offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += n;
	}
	memset(raw + done, 0, p->bytes - done);
	return 0;
}

static int read_all(const struct piece *pieces, size_t count, uint8_t *raw, struct fault *fault)
{
	for (size_t i = 0, n; i < count; i += n) {
		const struct piece *p = &pieces[i];
		int ret = 0;

		n = 1;
		switch (p->kind) {
		case SOURCE_PROCESS:
			while (i + n < count && pieces[i + n].kind == SOURCE_PROCESS &&
			       pieces[i + n].pid == p->pid)
				n++;
			ret = read_process(p, n, raw);
			if (ret < 0)
				return fault_set(fault, -ret, ret == -ESRCH ? "no-such-process" :
						 "memory-unreadable", "process %d: memory at 0x%llx: %s",
						 p->pid, (unsigned long long)p->source_offset,
						 strerror(-ret));
			break;
		case SOURCE_FD:
			ret = read_fd(p, raw);
			if (ret < 0)
				return fault_set(fault, -ret, "file-unreadable",
						 "content of a file at %llu: %s",
						 (unsigned long long)p->source_offset, strerror(-ret));
			break;
		case SOURCE_BYTES:
			memcpy(raw, p->copy, p->bytes);
			break;
		}
		for (size_t k = 0; k < n; k++)
			raw += pieces[i + k].bytes;
	}
	return 0;
}

int64_t source_read(const struct piece *pieces, size_t count, uint8_t *raw, struct run_list *runs,
		    struct fault *fault)
{
	uint8_t *from = raw, *to = raw;
	int ret = read_all(pieces, count, raw, fault);

	if (ret < 0)
		return ret;
	runs->count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct piece *p = &pieces[i];

		for (uint64_t at = 0, n; at < p->bytes; at += n, from += n) {
			n = PAGE - (p->offset + at) % PAGE;
			if (n > p->bytes - at)
				n = p->bytes - at;
			if (is_zero(from, n))
				continue;
			if (run_add(runs, p->object, p->offset + at, n, to - raw) < 0)
				return fault_set(fault, ENOMEM, "out-of-memory",
						 "no memory for the list of pages");
			if (to != from)
				memmove(to, from, n);
			to += n;
		}
	}
	return to - raw;
}
