/* Rings of asynchronous I/O of the kernel, io_setup(2): what libaio programs (databases) use. */
#ifndef AIO_H
#define AIO_H

#include "memory.h"
#include "resource.h"

#define AIO_PATH "/[aio] (deleted)" /* of a ring, in maps */

/*
 * All members are frozen: waits until no request of theirs is under way, which could change memory and
 * files that are being captured. -EAGAIN with fault aio-busy: the disks do not come to rest.
 */
int aio_settle(struct round *r, struct fault *fault);
/* The rings among @m. Outside of a burst of injected calls. */
int aio_capture(struct capture *c, const struct live_memory *m);
/*
 * In a new process whose mappings stand, between inject_begin() and inject_end(); AIO_SCRATCH_BYTES
 * at @scratch are free.
 */
int aio_restore(struct rebuilt_process *p, struct thread *t, uint64_t scratch);
#define AIO_SCRATCH_BYTES 32768

#endif
