/* One whole checkpoint without agent and coordinator. */
#ifndef STANDALONE_H
#define STANDALONE_H

#include "run.h"

struct standalone_options {
	pid_t pid; /* it and all its descendants */
	const char *directory;
	/*
	 * Instead of @directory: the process alone, into this file (absolute path), without a manifest: the
	 * rename of the one image is the commit.
	 */
	const char *image;
	uint64_t restart_word; /* address of an uint32_t that a restart sets to 2; 0: none */
	uint32_t codec;
	int level;
	unsigned int workers;
	uint32_t timeout_ms; /* of the freeze */
	uint64_t limit_ms;   /* of the whole */
	bool kill; /* the processes end once the checkpoint is committed */
	bool copy_on_write, open_files;
};

struct standalone_result {
	uint64_t generation, stopped_us;
	uint64_t file_bytes;
	size_t images;
};

/*
 * Captures the tree of @options->pid into @options->directory and commits it: images with their familiar
 * names, and dmtcp_manifest_<id>.json. Whatever fails: the processes run on, no file is left.
 */
int standalone_checkpoint(const struct standalone_options *options,
			  struct standalone_result *result, struct fault *fault);

/* Number of the checkpoint that will replace @image: 1 where there is none that we can read. */
uint64_t standalone_next_generation(const char *image);

#endif
