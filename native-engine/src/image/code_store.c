#include "code_store.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "../common/buffer.h"
#include "../common/file.h"
#include "code_cache.h"
#include "codec.h"
#include "source.h"

#define STORE_LEVEL 19 /* libc, ld.so and libdmtcp in 0.88 MB instead of 0.99; takes seconds */
#define PAGE 4096ull
#define SEGMENTS_AT_MOST 64
#define STORE_BYTES_MAX (256u << 20)

static const char magic[8] = "DMTCPCS1";

struct header {
	char magic[8];
	uint64_t count;
	uint64_t bytes;    /* behind the header */
	uint64_t checksum; /* XXH3-64 of those */
};

struct entry {
	struct code_key key;
	uint64_t offset, bytes; /* in the file */
};

/* ---- making ---- */

struct making {
	struct codec *codec;
	uint8_t *raw, *packed;
	struct run_list runs;
	struct buffer entries, data;
};

/* As image_writer_add_code() would: in chunks, and without pages of zeros. */
static int store_range(struct making *m, int fd, uint64_t start, uint64_t end, struct fault *fault)
{
	while (start < end) {
		uint64_t n = end - start < IMAGE_CHUNK_BYTES ? end - start : IMAGE_CHUNK_BYTES;
		struct piece p = { .kind = SOURCE_FD, .fd = fd, .offset = start,
				   .source_offset = start, .bytes = n };
		int64_t bytes = source_read(&p, 1, m->raw, &m->runs, fault);
		struct entry e = { .offset = m->data.bytes };

		if (bytes < 0)
			return (int)bytes;
		start += n;
		code_key_of(&e.key, m->raw, (size_t)bytes, CODEC_ZSTD, CODE_LEVEL);
		e.bytes = codec_compress(m->codec, CODEC_ZSTD, STORE_LEVEL, m->raw, (size_t)bytes,
					 m->packed);
		if (!e.bytes)
			continue;
		buffer_append(&m->entries, &e, sizeof(e));
		buffer_append(&m->data, m->packed, e.bytes);
	}
	return 0;
}

/* What of it a program maps: whole pages of its segments, those that meet taken together. */
static int store_file(struct making *m, const char *path, int fd, struct fault *fault)
{
	Elf64_Phdr segments[SEGMENTS_AT_MOST];
	uint64_t start = 0, end = 0;
	struct stat status;
	Elf64_Ehdr h;
	int ret = 0;

	if (fstat(fd, &status) || pread(fd, &h, sizeof(h), 0) != sizeof(h) || memcmp(h.e_ident, ELFMAG, SELFMAG) ||
	    h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_phentsize != sizeof(*segments) ||
	    h.e_phnum > SEGMENTS_AT_MOST ||
	    pread(fd, segments, h.e_phnum * sizeof(*segments), (off_t)h.e_phoff) !=
	    (ssize_t)(h.e_phnum * sizeof(*segments)))
		return fault_set(fault, ENOEXEC, "internal", "%s: no program, no library", path);
	for (int i = 0; i < h.e_phnum && !ret; i++) {
		const Elf64_Phdr *p = &segments[i];
		uint64_t from = p->p_offset & ~(PAGE - 1);
		uint64_t to = (p->p_offset + p->p_filesz + PAGE - 1) & ~(PAGE - 1);

		if (p->p_type != PT_LOAD || !p->p_filesz)
			continue;
		if (to > (uint64_t)status.st_size)
			to = (uint64_t)status.st_size;
		if (from > end) {
			ret = store_range(m, fd, start, end, fault);
			start = from;
		}
		if (to > end)
			end = to;
	}
	return ret ? ret : store_range(m, fd, start, end, fault);
}

static int write_store(struct making *m, const char *path, struct fault *fault)
{
	struct header h = { .count = m->entries.bytes / sizeof(struct entry),
			    .bytes = m->entries.bytes + m->data.bytes };
	struct entry *entries = (struct entry *)m->entries.data;
	char temporary[4096];
	int fd, ret;

	for (uint64_t i = 0; i < h.count; i++)
		entries[i].offset += sizeof(h) + m->entries.bytes;
	buffer_append(&m->entries, m->data.data, m->data.bytes);
	if (m->entries.failed)
		return fault_set(fault, ENOMEM, "out-of-memory", "%s", path);
	memcpy(h.magic, magic, sizeof(magic));
	h.checksum = XXH3_64bits(m->entries.data, m->entries.bytes);
	if (snprintf(temporary, sizeof(temporary), "%s.temp", path) >= (int)sizeof(temporary))
		return fault_set(fault, ENAMETOOLONG, "internal", "%s: its name is too long", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ret = fd < 0 ? -errno : file_write_at(fd, &h, sizeof(h), 0);
	if (ret >= 0)
		ret = file_write_at(fd, m->entries.data, m->entries.bytes, sizeof(h));
	if (fd >= 0)
		close(fd);
	if (ret >= 0 && rename(temporary, path) < 0)
		ret = -errno;
	if (ret < 0) {
		unlink(temporary);
		return fault_set(fault, -ret, "internal", "%s: %s", path, strerror(-ret));
	}
	return 0;
}

int code_store_make(const char *path, char *const files[], size_t count, struct fault *fault)
{
	struct making m = { .codec = codec_new(), .raw = malloc(IMAGE_CHUNK_BYTES),
			    .packed = malloc(IMAGE_CHUNK_BYTES) };
	int ret = m.codec && m.raw && m.packed ? 0 : -ENOMEM;

	if (ret)
		fault_set(fault, ENOMEM, "out-of-memory", "%s", path);
	for (size_t i = 0; i < count && !ret; i++) {
		int fd = open(files[i], O_RDONLY | O_CLOEXEC);

		ret = fd < 0 ? fault_set(fault, errno, "file-unreadable", "%s: %s", files[i],
					 strerror(errno)) :
			       store_file(&m, files[i], fd, fault);
		if (fd >= 0)
			close(fd);
	}
	if (!ret)
		ret = write_store(&m, path, fault);
	buffer_free(&m.entries);
	buffer_free(&m.data);
	codec_free(m.codec);
	free(m.runs.runs);
	free(m.raw);
	free(m.packed);
	return ret;
}

/* ---- using ---- */

static bool is_sound(const uint8_t *file, size_t bytes)
{
	const struct header *h = (const struct header *)file;
	const struct entry *entries = (const struct entry *)(h + 1);

	if (bytes < sizeof(*h) || memcmp(h->magic, magic, sizeof(magic)) ||
	    h->bytes != bytes - sizeof(*h) || h->count > h->bytes / sizeof(*entries) ||
	    h->checksum != XXH3_64bits(file + sizeof(*h), h->bytes))
		return false;
	for (uint64_t i = 0; i < h->count; i++)
		if (entries[i].offset > bytes || entries[i].bytes > bytes - entries[i].offset ||
		    !entries[i].bytes || entries[i].bytes >= entries[i].key.raw_bytes)
			return false;
	return true;
}

void code_store_load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct entry *entries;
	struct stat status;
	uint8_t *file = NULL;

	if (fd < 0)
		return;
	if (!fstat(fd, &status) && status.st_size >= (off_t)sizeof(struct header) &&
	    status.st_size <= STORE_BYTES_MAX)
		file = malloc((size_t)status.st_size);
	/* Read, not mapped: what becomes of the file then does not matter. */
	if (!file || pread(fd, file, (size_t)status.st_size, 0) != status.st_size ||
	    !is_sound(file, (size_t)status.st_size)) {
		free(file);
		close(fd);
		return;
	}
	close(fd);
	entries = (const struct entry *)(file + sizeof(struct header));
	for (uint64_t i = 0; i < ((const struct header *)file)->count; i++)
		code_cache_lend(&entries[i].key, file + entries[i].offset, entries[i].bytes);
}

void code_store_load_own(void)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (length <= 0)
		return;
	path[length] = '\0';
	for (int level = 0; level < 2; level++) { /* TREE/bin/dmtcp_engine */
		slash = strrchr(path, '/');
		if (!slash)
			return;
		*slash = '\0';
	}
	if (snprintf(slash, sizeof(path) - (size_t)(slash - path), "/lib/dmtcp/code.store") <
	    (int)(sizeof(path) - (size_t)(slash - path)))
		code_store_load(path);
}
