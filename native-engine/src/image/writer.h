/* The inside of struct image_writer: writer.c makes the file, writer_queue.c and writer_chunk.c fill it. */
#ifndef WRITER_H
#define WRITER_H

#include <pthread.h>

#include "image.h"
#include "source.h"

/* Content that can change when the program runs on goes first. */
enum urgency { URGENT, LATER };

struct task { /* becomes at most one chunk */
	enum urgency urgency;
	bool code; /* likely to come again: see code_cache.h */
	struct task *next;
	size_t count, capacity;
	uint64_t bytes, copied_bytes;
	struct piece *pieces;
};

struct image_writer {
	char path[4096];
	int fd;
	struct image_options options;
	bool finished, unlinked;
	pid_t snapshot; /* 0: none */
	struct task *pending[2][2]; /* being filled by the caller; [urgency][are pages] */

	pthread_t *threads; /* more of them than the one that calls flush: only for large images */
	unsigned int thread_count;

	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t work, idle;
	struct task *first[2], *last[2];
	unsigned int queued, busy[2];
	bool stopping;
	bool running; /* the process runs on: what can be read LATER may be read now */
	uint64_t copied_bytes;
	uint64_t queued_bytes, done_bytes; /* raw, ever: for image_writer_progress() */
	struct fault fault; /* the first of any thread */
	int error;
	uint64_t file_end;
	struct image_chunk *chunks;
	size_t chunk_count, chunk_capacity;
	struct run_list runs;
};

/* What one thread at a time needs to make chunks; kept for the next one (desk.c). */
struct desk {
	struct desk *next;
	struct codec *codec;
	uint8_t *raw, *packed; /* IMAGE_CHUNK_BYTES each */
	struct run_list runs;
};

struct desk *desk_take(void); /* NULL: no memory */
void desk_give(struct desk *d);

int writer_do_task(struct image_writer *w, struct desk *d, const struct task *t,
		   struct fault *fault); /* writer_chunk.c */

/* The first failure of any thread, or 0. */
int writer_error(struct image_writer *w, struct fault *fault);
/* Drops what is queued; with the lock. */
void writer_drop_queue(struct image_writer *w);
/* Ends the threads; everything queued is done first. */
void writer_stop_workers(struct image_writer *w);
void writer_fail(struct image_writer *w, int error, const struct fault *fault); /* with the lock */
void task_free(struct task *t);

#endif
