/* The RESTART hooks of plugins: run in the rebuilt processes while their other threads stand still. */
#ifndef HOOKS_H
#define HOOKS_H

#include "../image/image.h"
#include "../trace/process.h"

/*
 * Lets the helper thread of every process that has one run, alone, until it has gone through its hooks
 * (or a limit): the others are thawed after that. @warn is told what went wrong.
 */
void hooks_run(struct process **processes, struct image_reader **images, size_t count,
	       void (*warn)(void *context, const struct fault *warning), void *context);

#endif
