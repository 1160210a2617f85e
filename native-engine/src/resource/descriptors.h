/* What a round has to do with descriptors beside capture: called by the engine's phases. */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include "../engine/round.h"
#include "../restart/rebuild.h"

/*
 * Right after the freeze: is something on its way that only the program can take in, so that it
 * should run on for a moment?
 */
bool descriptors_unsettled(struct round *r);
/*
 * Phase drain, everything frozen: walks the descriptors of all members (round->descriptors) and
 * runs the kinds' drain within @timeout_ms. On failure descriptors_refill() is still due.
 */
int descriptors_drain(struct round *r, uint32_t timeout_ms, struct fault *fault);
/* Takes back what drain changed; before the thaw, on every path. More than once is fine. */
void descriptors_refill(struct round *r);
/*
 * Instead of descriptors_refill(), when all members are about to be ended: their connections among
 * each other end without TIME_WAIT, which would keep the ports from a restart for a minute.
 */
void descriptors_before_exit(struct round *r);
/* Forgets the walk. More than once is fine. */
void descriptors_free(struct round *r);

/* For dmtcp_inspect: numbers, and what they are open on. */
void descriptors_describe(struct image_reader *image, json_t *out);

/*
 * Chooses the builder's own numbers: from @lowest on, above all that the processes of @r will have,
 * or between them where the @limit is too near. -ENOMEM.
 */
int descriptors_reserve(struct rebuild *r, int lowest, uint64_t limit);

#endif
