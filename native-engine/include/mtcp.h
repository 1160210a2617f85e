/*
 * MTCP: a program checkpoints itself. One process with all its threads, no coordinator, no launch
 * command: link with -lmtcp (or libmtcp.a), call mtcp_init(), and later `mtcp_restart IMAGE`.
 *
 *	if (mtcp_init("job.dmtcp", 600) < 0)	// every 10 minutes into job.dmtcp
 *		fprintf(stderr, "%s\n", mtcp_error());
 *	...
 *	switch (mtcp_checkpoint()) {		// now
 *	case MTCP_AFTER_CHECKPOINT: ... the image is complete and on disk, this is the same program
 *	case MTCP_AFTER_RESTART:    ... the program has been restarted from the image
 *	default:                    ... negative errno; nothing has changed, mtcp_error() tells why
 *	}
 *
 * The work is done from outside by the program `dmtcp_engine`, which is started for each checkpoint
 * and looked for as DMTCP_ENGINE (environment), beside libmtcp.so (../../bin), in PATH. The image
 * replaces the one before only once it is complete and durable. Children are not part of the image.
 *
 * All functions may be called from any thread, none from a signal handler. Results below 0 are
 * -errno. After fork(2) the child has to call mtcp_init() for itself. No privileges are needed.
 */
#ifndef MTCP_H
#define MTCP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define MTCP_AFTER_CHECKPOINT 1
#define MTCP_AFTER_RESTART 2

/*
 * Prepares checkpoints into the file @image, every @interval_seconds from now (0: only on
 * request). A relative name is one in the working directory of this moment. May be called again.
 * An interval or a signal costs one sleeping thread; without them there is none.
 *
 * -EINVAL: no name; -ENAMETOOLONG; -EAGAIN: no thread can be made; -ENOMEM.
 */
int mtcp_init(const char *image, unsigned int interval_seconds);

/*
 * A checkpoint now: returns when the image is on disk, or when the program has been restarted
 * from it. Other threads stand still for some milliseconds only. Waits for one that is going on
 * and for mtcp_enable() of other threads.
 *
 * -EINVAL: no mtcp_init(); -EDEADLK: called by a hook, or by a thread that has called
 * mtcp_disable(); -ENOENT: a directory, or the engine, is not there; -ENOSPC, -EACCES, -EROFS:
 * the image cannot be written; -EOPNOTSUPP: something in this process cannot be captured;
 * -ETIMEDOUT; -EIO: the engine has ended, or may not look into this process. Whatever it
 * is: the program goes on, and the image before is still good.
 */
int mtcp_checkpoint(void);

/* Another interval from now on, 0: none. A checkpoint that fails is tried again after the next. */
int mtcp_set_interval(unsigned int seconds);

/* A checkpoint whenever signal @number arrives; its handler is ours from now on. 0: no more. */
int mtcp_set_signal(int number);

/* "zstd" (default), "lz4", "gzip" or "none". */
int mtcp_set_compression(const char *name);

/*
 * Called around every checkpoint by the thread that asked for it (its own thread for those of the
 * clock and of a signal), while all others run. Any may be NULL.
 */
struct mtcp_hooks {
	void (*before)(void *context); /* close what must not be saved */
	void (*after)(void *context, int result); /* the same program goes on: 1, or -errno */
	void (*restarted)(void *context);    /* instead of @after, in the restarted program */
	void *context;
};

/* NULL: none. The struct is copied. */
int mtcp_set_hooks(const struct mtcp_hooks *hooks);

/*
 * Between these two no checkpoint is begun, by whomever; they nest, per thread. A checkpoint that
 * is due waits; mtcp_disable() waits for one that is going on. -EPERM: mtcp_enable() without the
 * other; -EDEADLK: called by a hook.
 */
int mtcp_disable(void);
int mtcp_enable(void);

struct mtcp_status {
	uint32_t checkpoints, failures; /* by this program since mtcp_init(), restarts included */
	uint32_t restarts;
	int32_t last_result; /* of the last attempt: 1, 2 or -errno; 0: none yet */
	uint64_t generation; /* number of the last image */
	uint64_t image_bytes;
	uint64_t stopped_us; /* how long the threads stood still */
	char image[4096];
};

int mtcp_get_status(struct mtcp_status *status);

/* Why the last call of this thread, or the last checkpoint of the clock, failed; "" otherwise. */
const char *mtcp_error(void);

/* No more checkpoints of clock and signal; ends the thread. */
int mtcp_finish(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
