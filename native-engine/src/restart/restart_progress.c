#include "restart_progress.h"

#include <stdio.h>

#include "../commands/fail.h"
#include "../commands/start_command.h"
#include "../common/monotonic.h"

void restart_progress_begin(struct restart_progress *p, enum progress_form form)
{
	*p = (struct restart_progress){ .lock = PTHREAD_MUTEX_INITIALIZER, .form = form,
					.phase = "", .begun_ms = monotonic_ms() };
	progress_begin(&p->line);
	if (form == PROGRESS_JSON)
		p->line.next_ms = p->line.started_ms; /* asked for: also of a short one */
}

void restart_progress_phase(struct restart_progress *p, const char *phase, uint64_t total)
{
	pthread_mutex_lock(&p->lock);
	p->phase = phase;
	p->begun_ms = monotonic_ms();
	p->done = 0;
	p->total = total;
	p->who[0] = '\0';
	pthread_mutex_unlock(&p->lock);
}

/* The lock is held. What several processes share may be read more often than it is counted. */
static void tell(struct restart_progress *p)
{
	uint64_t done = p->done < p->total ? p->done : p->total;
	uint64_t elapsed_ms = monotonic_ms() - p->begun_ms;
	char what[40];
	sigset_t before;

	fail_hold_pipe(&before);
	if (p->form == PROGRESS_JSON) {
		progress_tell_json(&p->line, stderr, p->phase, done, p->total, elapsed_ms, p->who);
	} else if (p->form == PROGRESS_WORDS) {
		snprintf(what, sizeof(what), "Restart: %s", p->phase);
		progress_tell(&p->line, what, done, p->total, elapsed_ms, p->who);
	}
	fail_release_pipe(&before);
}

void restart_progress_advance(void *progress, uint64_t bytes)
{
	struct restart_progress *p = progress;

	pthread_mutex_lock(&p->lock);
	p->done += bytes;
	tell(p);
	pthread_mutex_unlock(&p->lock);
}

void restart_progress_set(struct restart_progress *p, uint64_t done, const char *who)
{
	pthread_mutex_lock(&p->lock);
	p->done = done;
	snprintf(p->who, sizeof(p->who), "%s", who);
	tell(p);
	pthread_mutex_unlock(&p->lock);
}

void restart_progress_clear(struct restart_progress *p)
{
	pthread_mutex_lock(&p->lock);
	if (p->form == PROGRESS_WORDS)
		progress_end(&p->line);
	pthread_mutex_unlock(&p->lock);
}

void restart_progress_end(struct restart_progress *p)
{
	restart_progress_clear(p);
	pthread_mutex_lock(&p->lock);
	p->form = PROGRESS_NONE;
	pthread_mutex_unlock(&p->lock);
}
