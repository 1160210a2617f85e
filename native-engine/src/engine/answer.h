/* Answering a program that has asked for its own checkpoint (libmtcp). */
#ifndef ENGINE_ANSWER_H
#define ENGINE_ANSWER_H

#include "standalone.h"

/*
 * Waits, at most 2 s, until @pid lets us write to its struct mtcp_answer at @address: with Yama it
 * has to name us first. Leaves @generation there, which a restart of the image finds. -EPERM,
 * -ESRCH; -EINVAL: there is no such struct.
 */
int answer_open(pid_t pid, uint64_t address, uint64_t generation, struct fault *fault);

/* @result as of standalone_checkpoint(). A program that has gone needs no answer. */
void answer_send(pid_t pid, uint64_t address, int result, const struct standalone_result *done,
		 const struct fault *fault);

#endif
