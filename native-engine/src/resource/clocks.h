/* What the clocks showed to the program at the checkpoint. */
#ifndef CLOCKS_H
#define CLOCKS_H

#include "resource.h"

struct clocks_record { /* RECORD_CLOCKS: as the program saw them, its time namespace included */
	int64_t monotonic_ns;
	int64_t boottime_ns;
	int64_t realtime_ns;
};

/*
 * Writes the offsets that make CLOCK_MONOTONIC and CLOCK_BOOTTIME go on from the latest of these
 * images to @path: /proc/self/timens_offsets of a process that has unshared CLONE_NEWTIME and has
 * not forked into it yet. Images without a clock record are passed over; when none has one nothing
 * is written.
 */
int clocks_write_offsets(struct image_reader *const *images, size_t count, const char *path,
			 struct fault *fault);

extern const struct resource resource_clocks;

#endif
