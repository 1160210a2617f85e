/* The image of one member while it is being written. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <pthread.h>
#include <stdatomic.h>

#include "../common/buffer.h"
#include "../image/image.h"
#include "round.h"
#include "twin.h"

struct output_options {
	const char *unique_pid;
	const char *image; /* path of the file to write */
	uint32_t codec;    /* enum image_codec */
	int level;
	uint32_t members; /* in the whole generation */
	uint64_t options; /* image_header.options */
	bool open_files, copy_on_write;
};

enum output_state { OUTPUT_CAPTURED, OUTPUT_WRITING, OUTPUT_READ, OUTPUT_DONE };

struct output {
	struct output *next;
	pid_t pid;
	uint64_t start_ticks;
	char path[4096];
	struct image_writer *writer;
	struct image_header header;
	struct buffer records;
	struct twin twin;
	struct buffer unmaps; /* struct snapshot_unmap, for the twin */
	struct deferred *deferred; /* what is captured from the twin while the process runs on */

	/* Set by the finishing thread, read by the engine's after the wake-up. */
	_Atomic int state;
	pthread_t thread;
	bool thread_started;
	bool awaited; /* somebody has asked for the result */
	int wake_fd;
	int result;
	struct image_summary summary;
	struct fault fault;
};

/* Captures @p: metadata at once, content queued. On failure nothing is left. */
int output_capture(struct output **out, struct round *round, struct process *p,
		   const struct output_options *options, unsigned int workers,
		   struct fault *fault);

/* Right after the process runs on: what is left to do for its twin. */
int output_settle(struct output *o, struct fault *fault);

/* Waits until all that must not change while it is read has been read. */
int output_flush_frozen(struct output *o, struct fault *fault);

/*
 * Starts to complete the file in a thread of its own. Each change of o->state adds 1 to the eventfd
 * @wake_fd: OUTPUT_READ, nothing is read from the process or its twin any more (the caller ends
 * the twin); OUTPUT_DONE, durable, or failed: o->result, o->fault, o->summary.
 */
int output_finish_start(struct output *o, int wake_fd, struct fault *fault);

/* Ends its thread, removes the file unless it is complete and @keep, kills the twin, frees. */
void output_close(struct output *o, bool keep);

#endif
