/* Reading chunks of an image with several threads. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "../common/file.h"
#include "codec.h"
#include "image.h"

struct wanted { /* one run, cut to what was asked for */
	uint32_t chunk;
	uint32_t chunk_offset;
	uint64_t offset, bytes;
};

struct job {
	struct image_reader *reader;
	struct wanted *wanted; /* sorted by chunk; NULL: only the checksums of all chunks */
	size_t count;
	image_sink sink;
	void *context;

	pthread_mutex_t lock; /* of everything below */
	size_t next;
	int error;
	struct fault fault;
};

/* The next items that share a chunk; false when there is no more, or after a failure. */
static bool job_take(struct job *j, size_t *first, size_t *count)
{
	bool taken;

	pthread_mutex_lock(&j->lock);
	taken = j->next < j->count && !j->error;
	*first = j->next;
	*count = 1;
	while (taken && j->wanted && *first + *count < j->count &&
	       j->wanted[*first + *count].chunk == j->wanted[*first].chunk)
		++*count;
	j->next += *count;
	pthread_mutex_unlock(&j->lock);
	return taken;
}

static int load(struct image_reader *r, uint32_t number, struct codec *codec, uint8_t *stored,
		uint8_t *raw, const uint8_t **data, struct fault *fault)
{
	const struct image_chunk *c = &r->chunks[number];
	int ret = file_read_at(r->fd, stored, c->stored_bytes, c->file_offset);

	if (ret == -ENODATA)
		return fault_set(fault, EBADMSG, "image-truncated", "%s: it became shorter while it "
				 "was read", r->path);
	if (ret < 0)
		return fault_set(fault, -ret, "image-unreadable", "%s: %s", r->path, strerror(-ret));
	if (!r->verified && XXH3_64bits(stored, c->stored_bytes) != c->checksum)
		return fault_set(fault, EBADMSG, "image-damaged", "%s: chunk %u at byte %llu is "
				 "damaged", r->path, number, (unsigned long long)c->file_offset);
	*data = stored;
	if (c->codec == CODEC_NONE || !raw)
		return 0;
	*data = raw;
	ret = codec_decompress(codec, c->codec, stored, c->stored_bytes, raw, c->raw_bytes);
	if (ret < 0)
		return fault_set(fault, -ret, ret == -ENOMEM ? "out-of-memory" : "image-damaged",
				 "%s: chunk %u at byte %llu does not decompress", r->path, number,
				 (unsigned long long)c->file_offset);
	return 0;
}

static void *job_worker(void *context)
{
	struct job *j = context;
	struct codec *codec = codec_new();
	uint8_t *stored = malloc(IMAGE_CHUNK_BYTES), *raw = malloc(IMAGE_CHUNK_BYTES);
	size_t first, count;

	while (job_take(j, &first, &count)) {
		uint32_t chunk = j->wanted ? j->wanted[first].chunk : first;
		struct fault fault = { 0 };
		const uint8_t *data = NULL;
		int ret;

		if (!codec || !stored || !raw)
			ret = fault_set(&fault, ENOMEM, "out-of-memory", "%s: no memory",
					j->reader->path);
		else
			ret = load(j->reader, chunk, codec, stored, j->wanted ? raw : NULL, &data,
				   &fault);
		for (size_t i = first; j->wanted && ret >= 0 && i < first + count; i++) {
			const struct wanted *w = &j->wanted[i];

			ret = j->sink(j->context, w->offset, data + w->chunk_offset, w->bytes);
			if (ret < 0)
				fault_set(&fault, -ret, "restore-content",
					  "%s: content for 0x%llx cannot be placed: %s",
					  j->reader->path, (unsigned long long)w->offset,
					  strerror(-ret));
		}
		if (ret >= 0 && j->reader->advanced)
			j->reader->advanced(j->reader->advanced_context,
					    j->reader->chunks[chunk].stored_bytes);
		if (ret < 0) {
			pthread_mutex_lock(&j->lock);
			if (!j->error) {
				j->error = ret;
				j->fault = fault;
			}
			pthread_mutex_unlock(&j->lock);
		}
	}
	codec_free(codec);
	free(stored);
	free(raw);
	return NULL;
}

/* The caller's thread works too: one worker needs no other thread. */
static int job_run(struct job *j, unsigned int workers, struct fault *fault)
{
	pthread_t threads[64];
	sigset_t all, before;
	unsigned int started = 0;

	if (workers > j->count)
		workers = j->count;
	if (workers > 64)
		workers = 64;
	pthread_mutex_init(&j->lock, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started + 1 < workers &&
	       !pthread_create(&threads[started], NULL, job_worker, j))
		started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	job_worker(j);
	while (started)
		pthread_join(threads[--started], NULL);
	pthread_mutex_destroy(&j->lock);
	if (j->error)
		fault_set(fault, -j->error, j->fault.id, "%s", j->fault.text);
	return j->error;
}

int image_reader_verify(struct image_reader *r, unsigned int workers, struct fault *fault)
{
	struct job j = { .reader = r, .count = r->header.chunk_count };

	r->verified = false;
	return job_run(&j, workers, fault);
}

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->chunk != y->chunk)
		return x->chunk < y->chunk ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Index of the first run that ends behind (@object, @offset). */
static size_t first_run(const struct image_reader *r, uint64_t object, uint64_t offset)
{
	size_t low = 0, high = r->header.run_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct image_run *run = &r->runs[middle];

		if (run->object < object ||
		    (run->object == object && run->offset + run->bytes <= offset))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int image_reader_content(struct image_reader *r, uint64_t object, uint64_t offset, uint64_t bytes,
			 unsigned int workers, image_sink sink, void *context, struct fault *fault)
{
	struct job j = { .reader = r, .sink = sink, .context = context };
	uint64_t end = offset + bytes < offset ? UINT64_MAX : offset + bytes;
	size_t first = first_run(r, object, offset), last = first;
	int ret;

	while (last < r->header.run_count && r->runs[last].object == object &&
	       r->runs[last].offset < end)
		last++;
	if (last == first)
		return 0;
	j.wanted = malloc((last - first) * sizeof(*j.wanted));
	if (!j.wanted)
		return fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory", r->path);
	for (size_t i = first; i < last; i++) {
		const struct image_run *run = &r->runs[i];
		uint64_t skip = run->offset < offset ? offset - run->offset : 0;
		uint64_t n = run->bytes - skip;

		if (run->offset + skip + n > end)
			n = end - run->offset - skip;
		j.wanted[j.count++] = (struct wanted){ run->chunk, run->chunk_offset + skip,
						       run->offset + skip, n };
	}
	qsort(j.wanted, j.count, sizeof(*j.wanted), compare_wanted);
	ret = job_run(&j, workers, fault);
	free(j.wanted);
	return ret;
}
