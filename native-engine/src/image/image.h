/*
 * Checkpoint image files: docs/image-format.md is the contract, this header its C form.
 *
 * File: struct image_header at 0; page data in chunks; metadata records; index (chunks, then runs);
 * the header is written last, so a file without a valid header is not an image.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../common/buffer.h"
#include "../common/fault.h"

#define IMAGE_MAGIC "DMTCPAK1"
#define IMAGE_FORMAT_VERSION 1u
#define IMAGE_CHUNK_BYTES (1u << 20) /* raw bytes of a full chunk */

enum image_codec { CODEC_NONE = 0, CODEC_ZSTD = 1, CODEC_GZIP = 2, CODEC_LZ4 = 3 };

struct image_header {
	char magic[8];
	uint32_t format_version;
	uint32_t header_bytes;
	uint32_t machine;    /* EM_X86_64 */
	uint32_t page_bytes; /* 4096 */
	uint32_t members;    /* images in the whole generation */
	uint32_t owner_uid;
	int32_t virtual_pid;
	uint32_t codec; /* preferred codec, for display; every chunk names its own */
	uint64_t generation;
	uint64_t metadata_offset, metadata_stored_bytes, metadata_raw_bytes; /* zstd if stored<raw */
	uint64_t metadata_checksum;                                         /* XXH3-64 of the stored bytes */
	uint64_t index_offset, index_bytes, index_checksum;
	uint64_t chunk_count, run_count;
	uint64_t raw_content_bytes; /* sum over runs */
	uint64_t file_bytes;
	char computation_id[64];
	char unique_pid[64];
	char manifest_id[40]; /* random, one per round */
	char program[64];     /* base name of the executable */
	char host[64];
	uint64_t created_ns; /* CLOCK_REALTIME */
	uint64_t options;    /* of the agent, who gets it back at a restart; nothing to us */
	uint64_t reserved[7];
	uint64_t header_checksum; /* XXH3-64 of all before */
};

struct image_chunk {
	uint64_t file_offset;
	uint32_t stored_bytes;
	uint32_t raw_bytes;
	uint32_t codec;
	uint32_t reserved;
	uint64_t checksum; /* XXH3-64 of the stored bytes */
};

/*
 * Where restored bytes go. @object 0: @offset is an address in the process. Otherwise @object names
 * the content of a shared or deleted file (OBJECT ids are given by the capture) and @offset is an
 * offset in it. A run lies within one chunk. What no run covers reads as zero.
 */
struct image_run {
	uint64_t object;
	uint64_t offset;
	uint64_t bytes;
	uint32_t chunk;
	uint32_t chunk_offset;
};

/* ---- writing ---- */

struct image_options {
	uint32_t codec; /* enum image_codec */
	int level;      /* of the codec; 0: its fast default */
	unsigned int workers; /* >= 1 */
};

struct image_writer;

/* Creates @path (0600, O_EXCL; an old temporary of that name is removed). Owner gets *@out. */
int image_writer_open(struct image_writer **out, const char *path,
		      const struct image_options *options, struct fault *fault);

/*
 * Queue content; all-zero pages are dropped; chunks are compressed and written by worker threads.
 * The _process form reads memory of @pid with process_vm_readv (falling back to @mem_fd, its
 * /proc/PID/mem): the process must not run before image_writer_flush. @skip_unreadable: a hole
 * instead of an error.  The _fd form reads with pread. The _bytes form copies @data at once.
 */
int image_writer_add_process(struct image_writer *w, pid_t pid, int mem_fd, uint64_t address,
			     uint64_t bytes, bool skip_unreadable, struct fault *fault);
/* The same memory, but it is the content of @object at @offset (shared memory without a file). */
int image_writer_add_process_object(struct image_writer *w, uint64_t object, uint64_t offset,
				    pid_t pid, int mem_fd, uint64_t address, uint64_t bytes,
				    bool skip_unreadable, struct fault *fault);
int image_writer_add_fd(struct image_writer *w, uint64_t object, int fd, uint64_t offset,
			uint64_t bytes, struct fault *fault);
int image_writer_add_bytes(struct image_writer *w, uint64_t object, uint64_t offset,
			   const void *data, uint64_t bytes, struct fault *fault);
/*
 * As _bytes, for what many images hold alike (the code of libraries): compressed once for all images
 * of this program's life. The same cut into calls gives the same chunks.
 */
int image_writer_add_code(struct image_writer *w, uint64_t object, uint64_t offset,
			  const void *data, uint64_t bytes, struct fault *fault);

/*
 * Content of @pid, a snapshot, stays as it is: it is not read before image_writer_run_on(), so that
 * reading it takes no time from what must be done while the program stands still. Before the
 * first add.
 */
void image_writer_set_snapshot(struct image_writer *w, pid_t pid);
/* Waits until everything queued that can change has been read from its source and written. */
int image_writer_flush_frozen(struct image_writer *w, struct fault *fault);
/* The program runs on: from here on everything is read and written as soon as it is queued. */
void image_writer_run_on(struct image_writer *w);
/* Does that, and waits until everything queued has been read and written to the file. */
int image_writer_flush(struct image_writer *w, struct fault *fault);
/* From any thread: what waits is dropped, flush and finish fail with -ECANCELED, the file goes. */
void image_writer_cancel(struct image_writer *w);

/* From any thread: raw bytes that have been queued, and how many of them are in the file. */
void image_writer_progress(struct image_writer *w, uint64_t *done_bytes, uint64_t *queued_bytes);

struct image_summary {
	uint64_t file_bytes, raw_bytes;
	char digest[40]; /* XXH3-128 hex of metadata, index, header: covers every chunk checksum */
};

/*
 * Completes the file: metadata, index, header, fsync of file and directory. @header brings the
 * identity fields (generation ... created_ns); offsets and checksums are filled in here.
 */
int image_writer_finish(struct image_writer *w, struct image_header *header,
			const struct buffer *records, struct image_summary *summary,
			struct fault *fault);
/* Frees; before a successful finish also removes the file. NULL is fine. */
void image_writer_close(struct image_writer *w);

/* ---- reading ---- */

struct image_reader {
	char path[4096];
	int fd;
	struct image_header header;
	struct buffer records;       /* decompressed metadata */
	struct image_chunk *chunks;  /* header.chunk_count */
	struct image_run *runs;      /* header.run_count, sorted by object, offset */
	char digest[40];
	/* From any thread: so many bytes more of the file have been read, verified, and used. NULL: nobody. */
	void (*advanced)(void *context, uint64_t bytes);
	void *advanced_context;
	/* Somebody has just compared all checksums of this open file: not again with the content. */
	bool verified;
};

/*
 * Opens and checks header, metadata and index; every refusal has its own fault id (image-not-ours,
 * image-truncated, image-damaged, image-newer-version, image-foreign-machine, image-other-owner).
 */
int image_reader_open(struct image_reader **out, const char *path, struct fault *fault);
/* The same for --no-strict-checking: an image of another user is taken too. */
int image_reader_open_any_owner(struct image_reader **out, const char *path, struct fault *fault);
/* Reads every chunk once and compares checksums, with @workers threads. */
int image_reader_verify(struct image_reader *r, unsigned int workers, struct fault *fault);
void image_reader_close(struct image_reader *r);

/*
 * Decompresses the runs of @object that touch [offset, offset+bytes) and hands each piece to @sink,
 * from several threads at once (@workers). A negative errno from @sink ends it.
 */
typedef int (*image_sink)(void *context, uint64_t offset, const void *data, uint64_t bytes);
int image_reader_content(struct image_reader *r, uint64_t object, uint64_t offset, uint64_t bytes,
			 unsigned int workers, image_sink sink, void *context,
			 struct fault *fault);

#endif
