/* Letting the rebuilt processes run. */
#ifndef THAW_H
#define THAW_H

#include "../resource/process_record.h"
#include "../trace/process.h"
#include "tree.h"

/*
 * Thaws and frees all @processes (one per image, NULL: a zombie). Those that were stopped go first
 * and stop again, without their parents being told of it twice.
 */
void thaw_all(struct process **processes, const struct process_record *records,
	      const struct tree *tree, size_t count);

#endif
