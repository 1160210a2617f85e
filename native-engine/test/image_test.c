/* Image files: what was written is what is read, and everything else is refused by name. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "check.h"
#include "image/image.h"

#define PAGES 600

static char directory[] = "/tmp/image-test-XXXXXX";
static char path[128];

struct seen {
	uint64_t start, bytes;
	uint8_t *copy;
};

static int place(void *context, uint64_t offset, const void *data, uint64_t bytes)
{
	struct seen *s = context;

	if (offset < s->start || offset + bytes > s->start + s->bytes)
		return -ERANGE;
	memcpy(s->copy + (offset - s->start), data, bytes);
	return 0;
}

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Pages of every sort: random, text, zero, partly zero. */
static void fill(uint8_t *memory, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		uint8_t *page = memory + i * 4096;

		for (int k = 0; k < 4096; k += 8) {
			uint64_t v = i % 4 == 0 ? next_random() : i % 4 == 1 ? 0x6162636465666768u :
				     i % 4 == 2 ? 0 : k == 4088 ? 1 : 0;

			memcpy(page + k, &v, 8);
		}
	}
}

static void write_image(uint32_t codec, const uint8_t *memory, size_t pages)
{
	struct image_options options = { .codec = codec, .workers = 2 };
	struct image_header header = { .members = 1, .virtual_pid = 7, .generation = 3 };
	struct image_summary summary;
	struct buffer records = { 0 };
	struct image_writer *w;
	struct fault fault = { 0 };

	strcpy(header.program, "image_test");
	for (int i = 0; i < 20; i++)
		record_append(&records, 1 + i % 3, &i, sizeof(i), "tail", i % 5);
	CHECK(!image_writer_open(&w, path, &options, &fault), "%s", fault.text);
	CHECK(!image_writer_add_process(w, getpid(), -1, (uintptr_t)memory, pages * 4096, false,
					&fault), "%s", fault.text);
	CHECK(!image_writer_add_bytes(w, 5, 100, "hello", 5, &fault), "%s", fault.text);
	CHECK(!image_writer_flush(w, &fault), "%s", fault.text);
	CHECK(!image_writer_finish(w, &header, &records, &summary, &fault), "%s", fault.text);
	image_writer_close(w);
	buffer_free(&records);
}

/* 0: the same bytes come out; -1: refused with a fault. */
static int read_image(const uint8_t *memory, size_t pages)
{
	struct seen seen = { .start = (uintptr_t)memory, .bytes = pages * 4096 };
	struct seen hello = { .start = 100, .bytes = 5 };
	struct image_reader *r;
	struct fault fault = { 0 };
	const struct record *rec = NULL;
	int ret = image_reader_open(&r, path, &fault), count = 0;

	if (ret < 0) {
		CHECK(fault.id[0] && fault_remedy(fault.id)[0], "no fault, or one without remedy");
		return -1;
	}
	while ((rec = record_next(&r->records, rec)))
		count++;
	CHECK(count == 20, "%d records", count);
	seen.copy = calloc(1, seen.bytes);
	hello.copy = calloc(1, hello.bytes);
	ret = image_reader_verify(r, 2, &fault);
	if (!ret)
		ret = image_reader_content(r, 0, seen.start, seen.bytes, 2, place, &seen, &fault);
	if (!ret)
		ret = image_reader_content(r, 5, 0, UINT64_MAX, 1, place, &hello, &fault);
	if (!ret)
		CHECK(!memcmp(seen.copy, memory, seen.bytes) && !memcmp(hello.copy, "hello", 5),
		      "other bytes were read");
	else
		CHECK(fault.id[0], "no fault");
	free(seen.copy);
	free(hello.copy);
	image_reader_close(r);
	return ret < 0 ? -1 : 0;
}

static void expect(const char *id)
{
	struct image_reader *r;
	struct fault fault = { 0 };

	CHECK(image_reader_open(&r, path, &fault) < 0, "%s expected", id);
	CHECK(!strcmp(fault.id, id), "%s expected, got %s: %s", id, fault.id, fault.text);
}

/* Rewrites the header with a valid checksum. */
static void change_header(void (*change)(struct image_header *))
{
	struct image_header h;
	int fd = open(path, O_RDWR);

	CHECK(pread(fd, &h, sizeof(h), 0) == sizeof(h));
	change(&h);
	h.header_checksum = XXH3_64bits(&h, sizeof(h) - 8);
	CHECK(pwrite(fd, &h, sizeof(h), 0) == sizeof(h));
	close(fd);
}

static void newer(struct image_header *h) { h->format_version++; }
static void foreign(struct image_header *h) { h->machine = 183; }
static void other(struct image_header *h) { h->owner_uid++; }

static void names_every_refusal(const uint8_t *memory)
{
	int fd;

	write_image(CODEC_ZSTD, memory, 8);
	change_header(newer);
	expect("image-newer-version");
	write_image(CODEC_ZSTD, memory, 8);
	change_header(foreign);
	expect("image-foreign-machine");
	write_image(CODEC_ZSTD, memory, 8);
	change_header(other);
	expect("image-other-owner");
	write_image(CODEC_ZSTD, memory, 8);
	CHECK(!truncate(path, 4000));
	expect("image-truncated");
	fd = open(path, O_RDWR | O_TRUNC);
	CHECK(write(fd, "#!/bin/sh\necho this is something else\n", 38) == 38);
	close(fd);
	expect("image-not-ours");
	unlink(path);
	expect("image-unreadable");
}

static void survives_every_flip_and_length(const uint8_t *memory)
{
	struct stat st;
	uint8_t *whole;
	int fd, refused = 0;

	write_image(CODEC_ZSTD, memory, 8);
	CHECK(!stat(path, &st));
	CHECK(st.st_mode == (S_IFREG | 0600));
	whole = malloc(st.st_size);
	fd = open(path, O_RDWR);
	CHECK(pread(fd, whole, st.st_size, 0) == st.st_size);
	for (off_t i = 0; i < st.st_size; i++) {
		uint8_t changed = whole[i] ^ (1 << i % 8);

		CHECK(pwrite(fd, &changed, 1, i) == 1);
		if (read_image(memory, 8) < 0)
			refused++;
		CHECK(pwrite(fd, whole + i, 1, i) == 1);
	}
	CHECK(refused > 4096, "only %d flips were noticed", refused);
	CHECK(!read_image(memory, 8));
	for (off_t length = st.st_size - 1; length >= 0; length--) {
		CHECK(!ftruncate(fd, length));
		CHECK(read_image(memory, 8) < 0, "length %ld was taken", (long)length);
	}
	close(fd);
	free(whole);
}

static void keeps_what_every_codec_wrote(const uint8_t *memory)
{
	for (uint32_t codec = CODEC_NONE; codec <= CODEC_LZ4; codec++) {
		write_image(codec, memory, PAGES);
		CHECK(!read_image(memory, PAGES), "codec %u", codec);
	}
}

static void skips_what_cannot_be_read(void)
{
	struct image_options options = { .codec = CODEC_ZSTD, .workers = 1 };
	uint8_t *m = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct image_header header = { 0 };
	struct image_summary summary;
	struct buffer records = { 0 };
	struct image_writer *w;
	struct fault fault = { 0 };

	memset(m, 7, 3 * 4096);
	munmap(m + 4096, 4096);
	CHECK(!image_writer_open(&w, path, &options, &fault));
	CHECK(!image_writer_add_process(w, getpid(), -1, (uintptr_t)m, 3 * 4096, true, &fault));
	CHECK(!image_writer_finish(w, &header, &records, &summary, &fault), "%s", fault.text);
	CHECK(summary.raw_bytes == 2 * 4096);
	image_writer_close(w);
	CHECK(!image_writer_open(&w, path, &options, &fault));
	CHECK(!image_writer_add_process(w, getpid(), -1, (uintptr_t)m, 3 * 4096, false, &fault));
	CHECK(image_writer_flush(w, &fault) < 0 && !strcmp(fault.id, "memory-unreadable"));
	image_writer_close(w);
	CHECK(access(path, F_OK), "the file was left");
	munmap(m, 4096);
	munmap(m + 2 * 4096, 4096);
}

/* EFBIG stands for every failed write; ENOSPC is tried where /dev/full or a small tmpfs can be had. */
static void removes_the_file_when_a_write_fails(const uint8_t *memory)
{
	struct image_options options = { .codec = CODEC_NONE, .workers = 2 };
	struct rlimit before, small = { 1 << 20, RLIM_INFINITY };
	struct image_writer *w;
	struct fault fault = { 0 };

	CHECK(!getrlimit(RLIMIT_FSIZE, &before));
	small.rlim_max = before.rlim_max;
	CHECK(!image_writer_open(&w, path, &options, &fault));
	CHECK(!setrlimit(RLIMIT_FSIZE, &small));
	image_writer_add_process(w, getpid(), -1, (uintptr_t)memory, PAGES * 4096, false, NULL);
	CHECK(image_writer_flush(w, &fault) < 0);
	CHECK(!strcmp(fault.id, "image-unwritable"), "%s", fault.id);
	image_writer_close(w);
	CHECK(!setrlimit(RLIMIT_FSIZE, &before));
	CHECK(access(path, F_OK), "the file was left");
}

int main(void)
{
	uint8_t *memory = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	signal(SIGXFSZ, SIG_IGN);
	CHECK(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/image", directory);
	fill(memory, PAGES);
	keeps_what_every_codec_wrote(memory);
	skips_what_cannot_be_read();
	removes_the_file_when_a_write_fails(memory);
	survives_every_flip_and_length(memory);
	names_every_refusal(memory);
	unlink(path);
	CHECK(!rmdir(directory));
	puts("ok");
	return 0;
}
