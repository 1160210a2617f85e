/* How far a restart is, told on standard error: images verified, memory filled. */
#ifndef RESTART_PROGRESS_H
#define RESTART_PROGRESS_H

#include <pthread.h>

#include "../commands/progress.h"

struct restart_progress {
	pthread_mutex_t lock; /* of everything below */
	enum progress_form form;
	struct progress_line line;
	const char *phase;
	uint64_t begun_ms, done, total;
	char who[80];
};

void restart_progress_begin(struct restart_progress *p, enum progress_form form);
/* The next part of the work, of @total bytes. */
void restart_progress_phase(struct restart_progress *p, const char *phase, uint64_t total);
/* From any thread, for image_reader.advanced: @progress has @bytes more behind it. */
void restart_progress_advance(void *progress, uint64_t bytes);
/* So many in all, with the process @who in work. */
void restart_progress_set(struct restart_progress *p, uint64_t done, const char *who);
/* Takes the line away for other words; it comes back. */
void restart_progress_clear(struct restart_progress *p);
/* Nothing is told any more; the line is gone. May be called again. */
void restart_progress_end(struct restart_progress *p);

#endif
