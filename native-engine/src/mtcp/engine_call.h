/* One run of dmtcp_engine for this process. */
#ifndef MTCP_ENGINE_CALL_H
#define MTCP_ENGINE_CALL_H

#include <stddef.h>

#include "answer.h"

/*
 * Starts the engine, which writes this process to @image, and waits for its answer in *@a: one that
 * lives as long as the program. MTCP_RESTARTED, or MTCP_ANSWERED with a->result; -errno with
 * a->text when there is no answer. Call it with all signals blocked.
 */
int engine_call(struct mtcp_answer *a, const char *image, const char *compression);

#endif
