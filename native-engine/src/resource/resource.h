/*
 * A kind of process state: how it is captured and how it is restored, side by side in one file.
 * Adding a kind is one new file and one line in resource_table.c (records in records.h).
 */
#ifndef RESOURCE_H
#define RESOURCE_H

#include "../common/buffer.h"
#include "../common/fault.h"
#include "../common/json.h"
#include "../image/image.h"
#include "../trace/process.h"

/* ---- capture: in dmtcp_engine, the whole round frozen ---- */

struct round; /* all processes of this host that are captured together: engine/round.h */

struct capture {
	struct round *round;      /* for what processes share: object and file ids */
	struct process *process;
	struct buffer *records;   /* where this process's records go */
	struct image_writer *image;
	bool open_files; /* --ckpt-open-files: the content of open files goes into the image */
	struct fault *fault;
	/*
	 * Where content of ordinary private memory is to be read: a snapshot of the process that
	 * stays as it is when the process runs on, or the process itself (then equal to
	 * process->live_tid, process->mem_fd). What a fork does not copy (MAP_SHARED, DONTFORK,
	 * WIPEONFORK) is always read from the process.
	 */
	pid_t content_pid;
	int content_mem_fd;
	struct deferred **deferred; /* for capture_defer(); NULL without a snapshot */
	struct buffer *unmaps;      /* struct snapshot_unmap; NULL without a snapshot */
};

/*
 * Work that needs nothing of the frozen process: done in a background thread while it runs on, when it has
 * a snapshot, and at once otherwise. There c->round and c->process are NULL; records, image,
 * fault and content_pid are as here. @release (may be NULL) frees @state in every case.
 */
int capture_defer(struct capture *c, int (*work)(struct capture *c, void *state),
		  void (*release)(void *state), void *state);
/*
 * The snapshot shall not map [@start, @end), shared memory, any longer: that it has it too can be seen.
 * @at_once: before the program runs on, else right after.
 */
struct snapshot_unmap {
	uint64_t start, end;
	bool at_once;
};

void capture_unmap(struct capture *c, uint64_t start, uint64_t end, bool at_once);
/* Does all of it, in order; a failure ends it. */
int capture_deferred(struct capture *c);
void capture_deferred_free(struct deferred **list);

/* ---- restore: in dmtcp_restart's builder, which is PID 1 of the new namespaces ---- */

struct rebuild; /* one dmtcp_restart on this host: restart/rebuild.h */

struct rebuilt_process {
	struct rebuild *rebuild;
	struct image_reader *image;
	const struct buffer *records; /* = &image->records */
	struct process *process;      /* outside stages only: stopped and traced by the builder */
	bool shares_memory, shares_files; /* with a process of which they are restored already */
	struct fault *fault;
};

struct resource {
	const char *name;
	bool zombies; /* also for a zombie, of which nothing but the exit status is left */

	/*
	 * Before a round stops anything: is there something that cannot be captured? Reads from
	 * outside only. -EOPNOTSUPP with a fault naming process, object, reason. NULL: always fine.
	 */
	int (*check)(pid_t pid, struct fault *fault);

	/* Appends this process's records and queues its content. Threads are stopped. */
	int (*capture)(struct capture *c);

	/* For dmtcp_inspect: adds what the image holds of this to @out, an object. May be NULL. */
	void (*describe)(struct image_reader *image, json_t *out);

	/* In dmtcp_restart, before any process is created: can this image be restored here? */
	int (*verify)(struct image_reader *image, struct fault *fault);

	/* In the builder, once per image, before any process exists: objects that are shared. */
	int (*restore_shared)(struct rebuilt_process *p);

	/*
	 * In the new process itself, running our code with the builder's memory, its final pid, all
	 * signals blocked; descriptors below rebuild's reserved range are free for use.
	 */
	int (*restore_inside)(struct rebuilt_process *p);

	/* By the builder as tracer, with injected calls: the process stands still. */
	int (*restore_outside)(struct rebuilt_process *p);

	/* As restore_outside, after every process has done all of it; just before all run. */
	int (*restore_last)(struct rebuilt_process *p);
};

extern const struct resource *const resource_table[]; /* in order; ends with NULL */

#endif
