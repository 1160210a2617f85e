#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "../common/file.h"
#include "directory_sync.h"
#include "writer.h"

#define PAGE 4096u

int image_writer_open(struct image_writer **out, const char *path,
		      const struct image_options *options, struct fault *fault)
{
	struct image_writer *w = calloc(1, sizeof(*w));

	*out = NULL;
	if (!w)
		return fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory", path);
	if (snprintf(w->path, sizeof(w->path), "%s", path) >= (int)sizeof(w->path)) {
		free(w);
		return file_write_fault(fault, ENAMETOOLONG, path);
	}
	w->options = *options;
	if (!w->options.workers)
		w->options.workers = 1;
	w->threads = calloc(w->options.workers, sizeof(*w->threads));
	if (!w->threads) {
		free(w);
		return fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory", path);
	}
	w->fd = file_create(path, fault);
	if (w->fd < 0) {
		int ret = w->fd;

		free(w->threads);
		free(w);
		return ret;
	}
	w->file_end = PAGE; /* the header, and then pages on page boundaries */
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	pthread_cond_init(&w->idle, NULL);
	*out = w;
	return 0;
}

static int compare_runs(const void *a, const void *b)
{
	const struct image_run *x = a, *y = b;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int write_metadata(struct image_writer *w, struct image_header *h,
			  const struct buffer *records, XXH3_state_t *digest)
{
	size_t bound = ZSTD_compressBound(records->bytes), stored_bytes = records->bytes;
	const void *stored = records->data;
	uint8_t *packed = malloc(bound);
	size_t n;
	int ret;

	if (!packed)
		return -ENOMEM;
	n = ZSTD_compress(packed, bound, records->data, records->bytes, 1);
	if (!ZSTD_isError(n) && n < records->bytes) {
		stored = packed;
		stored_bytes = n;
	}
	h->metadata_offset = w->file_end;
	h->metadata_stored_bytes = stored_bytes;
	h->metadata_raw_bytes = records->bytes;
	h->metadata_checksum = XXH3_64bits(stored, stored_bytes);
	XXH3_128bits_update(digest, stored, stored_bytes);
	w->file_end += stored_bytes;
	ret = file_write_at(w->fd, stored, stored_bytes, h->metadata_offset);
	free(packed);
	return ret;
}

static int write_index(struct image_writer *w, struct image_header *h, XXH3_state_t *digest)
{
	size_t chunk_bytes = w->chunk_count * sizeof(*w->chunks);
	size_t run_bytes = w->runs.count * sizeof(*w->runs.runs);
	XXH3_state_t *sum = XXH3_createState();
	int ret;

	if (!sum)
		return -ENOMEM;
	if (w->runs.count)
		qsort(w->runs.runs, w->runs.count, sizeof(*w->runs.runs), compare_runs);
	h->raw_content_bytes = 0;
	for (size_t i = 0; i < w->runs.count; i++)
		h->raw_content_bytes += w->runs.runs[i].bytes;
	XXH3_64bits_reset(sum);
	XXH3_64bits_update(sum, w->chunks, chunk_bytes);
	XXH3_64bits_update(sum, w->runs.runs, run_bytes);
	h->index_checksum = XXH3_64bits_digest(sum);
	XXH3_freeState(sum);
	XXH3_128bits_update(digest, w->chunks, chunk_bytes);
	XXH3_128bits_update(digest, w->runs.runs, run_bytes);
	h->chunk_count = w->chunk_count;
	h->run_count = w->runs.count;
	h->index_offset = w->file_end;
	h->index_bytes = chunk_bytes + run_bytes;
	w->file_end += h->index_bytes;
	ret = file_write_at(w->fd, w->chunks, chunk_bytes, h->index_offset);
	if (!ret)
		ret = file_write_at(w->fd, w->runs.runs, run_bytes, h->index_offset + chunk_bytes);
	return ret;
}

static int write_rest(struct image_writer *w, struct image_header *h, const struct buffer *records,
		      XXH3_state_t *digest)
{
	int ret = write_metadata(w, h, records, digest);

	if (!ret)
		ret = write_index(w, h, digest);
	if (ret < 0)
		return ret;
	h->file_bytes = w->file_end;
	h->header_checksum = XXH3_64bits(h, offsetof(struct image_header, header_checksum));
	XXH3_128bits_update(digest, h, sizeof(*h));
	ret = file_write_at(w->fd, h, sizeof(*h), 0);
	if (!ret && fsync(w->fd))
		ret = -errno;
	if (!ret)
		ret = directory_sync_of(w->path);
	return ret;
}

int image_writer_finish(struct image_writer *w, struct image_header *header,
			const struct buffer *records, struct image_summary *summary,
			struct fault *fault)
{
	XXH3_state_t *digest;
	XXH128_canonical_t hash;
	int ret = image_writer_flush(w, fault);

	writer_stop_workers(w);
	if (ret < 0)
		return ret;
	digest = XXH3_createState();
	if (!digest || records->failed) {
		XXH3_freeState(digest);
		return fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory for its metadata",
				 w->path);
	}
	XXH3_128bits_reset(digest);
	memcpy(header->magic, IMAGE_MAGIC, sizeof(header->magic));
	header->format_version = IMAGE_FORMAT_VERSION;
	header->header_bytes = sizeof(*header);
	header->machine = EM_X86_64;
	header->page_bytes = PAGE;
	header->owner_uid = geteuid();
	header->codec = w->options.codec;
	ret = write_rest(w, header, records, digest);
	XXH128_canonicalFromHash(&hash, XXH3_128bits_digest(digest));
	XXH3_freeState(digest);
	if (ret == -ENOMEM)
		return fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory", w->path);
	if (ret < 0)
		return file_write_fault(fault, -ret, w->path);
	ret = writer_error(w, fault); /* cancelled meanwhile */
	if (ret < 0)
		return ret;
	w->finished = true;
	if (summary) {
		memset(summary, 0, sizeof(*summary));
		summary->file_bytes = header->file_bytes;
		summary->raw_bytes = header->raw_content_bytes;
		for (size_t i = 0; i < sizeof(hash.digest); i++)
			snprintf(summary->digest + 2 * i, 3, "%02x", hash.digest[i]);
	}
	return 0;
}

void image_writer_cancel(struct image_writer *w)
{
	struct fault fault = { .id = "internal", .text = "the round was given up" };

	pthread_mutex_lock(&w->lock);
	writer_fail(w, ECANCELED, &fault);
	writer_drop_queue(w);
	if (!w->unlinked)
		unlink(w->path);
	w->unlinked = true;
	pthread_mutex_unlock(&w->lock);
}

void image_writer_close(struct image_writer *w)
{
	if (!w)
		return;
	/* Nothing more is read or written: what still waits is dropped. */
	pthread_mutex_lock(&w->lock);
	writer_drop_queue(w);
	pthread_mutex_unlock(&w->lock);
	writer_stop_workers(w);
	for (int i = 0; i < 4; i++)
		task_free(w->pending[i / 2][i % 2]);
	if (!w->finished && !w->unlinked)
		unlink(w->path);
	close(w->fd);
	pthread_cond_destroy(&w->idle);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
	free(w->threads);
	free(w->chunks);
	free(w->runs.runs);
	free(w);
}
