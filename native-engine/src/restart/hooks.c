#include "hooks.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../common/plugin_area.h"
#include "../resource/helper.h"
#include "../resource/records.h"
#include "../trace/wait.h"
#include "thread_hooks.h"

#define LIMIT_NS 60000000000ull /* longer than a barrier of the coordinator waits */
#define LOOK_EVERY_NS 500000

struct helper {
	struct process *process;
	struct helper_record record;
	uint32_t restarts; /* of now: hooks_done is to become that */
};

static uint64_t field(const struct helper *h, size_t offset)
{
	return h->record.area + offset;
}

/* As much of our environment as there is room for; a part of an assignment would be a lie. */
static uint32_t pack_environment(char *out)
{
	uint32_t bytes = 0;

	for (char **e = environ; e && *e; e++) {
		size_t length = strlen(*e) + 1;

		if (length > PLUGIN_ENVIRONMENT_BYTES - bytes)
			continue;
		memcpy(out + bytes, *e, length);
		bytes += length;
	}
	return bytes;
}

static int tell(struct helper *h, uint32_t local_helpers, const char *environment, uint32_t bytes)
{
	uint64_t magic = 0;
	int ret = process_read(h->process, h->record.area, &magic, sizeof(magic));

	if (!ret && magic != PLUGIN_AREA_MAGIC && magic != PLUGIN_AREA_WITHOUT_RESUME &&
	    magic != PLUGIN_AREA_WITHOUT_CHOICES)
		ret = -EINVAL;
	if (!ret)
		ret = process_read(h->process, field(h, offsetof(struct plugin_area, restarts)),
				   &h->restarts, sizeof(h->restarts));
	h->restarts++;
	if (!ret)
		ret = process_write(h->process, field(h, offsetof(struct plugin_area, environment)),
				    environment, bytes);
	if (!ret)
		ret = process_write(h->process,
				    field(h, offsetof(struct plugin_area, environment_bytes)),
				    &bytes, sizeof(bytes));
	if (!ret)
		ret = process_write(h->process, field(h, offsetof(struct plugin_area, local_helpers)),
				    &local_helpers, sizeof(local_helpers));
	if (!ret)
		ret = process_write(h->process, field(h, offsetof(struct plugin_area, restarts)),
				    &h->restarts, sizeof(h->restarts));
	return ret;
}

static size_t find(struct helper *helpers, struct process **processes,
		   struct image_reader **images, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		const struct record *r = record_find(&images[i]->records, RECORD_HELPER, NULL);

		if (!r || !processes[i])
			continue;
		helpers[found].process = processes[i];
		record_head(r, &helpers[found++].record, sizeof(helpers[0].record));
	}
	return found;
}

/* Whether nothing is to be awaited of it any more; *@why: its failure, if it has one. */
static bool is_done(struct helper *h, struct fault *why)
{
	char failure[PLUGIN_FAILURE_BYTES];
	uint32_t done;

	if (process_read(h->process, field(h, offsetof(struct plugin_area, hooks_done)), &done,
			 sizeof(done)) < 0)
		return true; /* it has ended */
	if (done != h->restarts)
		return false;
	if (!process_read(h->process, field(h, offsetof(struct plugin_area, failure)), failure,
			  sizeof(failure)) &&
	    failure[0])
		fault_set(why, ECANCELED, "plugin-failed", "process %d: %.*s",
			  h->process->virtual_pid, (int)sizeof(failure), failure);
	return true;
}

void hooks_run(struct process **processes, struct image_reader **images, size_t count,
	       void (*warn)(void *context, const struct fault *warning), void *context)
{
	const struct timespec look = { .tv_nsec = LOOK_EVERY_NS };
	struct helper *helpers = calloc(count + 1, sizeof(*helpers));
	char *environment = malloc(PLUGIN_ENVIRONMENT_BYTES);
	size_t all = helpers && environment ? find(helpers, processes, images, count) : 0, left = 0;
	uint32_t bytes = all ? pack_environment(environment) : 0;
	uint64_t deadline_ns = monotonic_ns() + LIMIT_NS;

	for (size_t i = 0; i < all; i++) {
		struct fault fault = { 0 };

		if (tell(&helpers[i], all, environment, bytes) < 0)
			fault_set(&fault, EINVAL, "plugin-failed",
				  "process %d: its plugins cannot be told of the restart",
				  helpers[i].process->virtual_pid);
		else if (process_release(helpers[i].process, helpers[i].record.tid, &fault) == 0)
			helpers[left++] = helpers[i];
		warn(context, &fault);
	}
	while (left && monotonic_ns() < deadline_ns) {
		for (size_t i = 0; i < left; i++) {
			struct fault fault = { 0 };

			if (!is_done(&helpers[i], &fault))
				continue;
			warn(context, &fault);
			fault = (struct fault){ 0 };
			thread_hooks_run(helpers[i].process, helpers[i].record.area, deadline_ns,
					 &fault);
			warn(context, &fault);
			helpers[i--] = helpers[--left];
		}
		if (left)
			nanosleep(&look, NULL);
	}
	for (size_t i = 0; i < left; i++) {
		struct fault fault = { 0 };

		fault_set(&fault, ETIMEDOUT, "plugin-failed",
			  "process %d: a plugin does not return from its RESTART hook",
			  helpers[i].process->virtual_pid);
		warn(context, &fault);
	}
	free(environment);
	free(helpers);
}
