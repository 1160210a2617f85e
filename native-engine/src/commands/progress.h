/* Words about how far something is; and waiting for a checkpoint, with such words. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdio.h>

#include "start_coordinator.h"

enum progress_form {
	PROGRESS_NONE,  /* --quiet */
	PROGRESS_WORDS, /* standard error: on a terminal one line drawn again and again, else few lines */
	PROGRESS_JSON,  /* a JSON object per line */
};

/*
 * Receives the answer of a blocking request, however long it takes, as local_receive_patiently does. After a
 * second it begins to tell how far the work is.
 */
int progress_receive(struct local_client *client, const struct coordinator_choice *choice,
		     const struct coordinator_address *address, enum progress_form form,
		     json_t **answer, struct fault *fault);

/* A line that is drawn again on a terminal, or sparse lines elsewhere. */
struct progress_line {
	uint64_t started_ms, next_ms;
	bool drawn;
};

void progress_begin(struct progress_line *line);
/*
 * Tells, if it is time to: @what (`Checkpoint: write`), bytes done of @all in @elapsed_ms, and who is
 * concerned (may be empty).
 */
void progress_tell(struct progress_line *line, const char *what, uint64_t done, uint64_t all,
		   uint64_t elapsed_ms, const char *who);
/* The same for programs to read, on @out. */
void progress_tell_json(struct progress_line *line, FILE *out, const char *phase, uint64_t done,
			uint64_t all, uint64_t elapsed_ms, const char *slowest);
/* Takes the line off the terminal. */
void progress_end(struct progress_line *line);

#endif
