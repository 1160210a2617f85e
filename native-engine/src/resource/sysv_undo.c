/*
 * What System V semaphores get back when a process ends (SEM_UNDO). The kernel tells nobody: it is
 * made to give it back now (unshare(2), CLONE_SYSVSEM), and the process takes it again. Everybody
 * else stands still meanwhile. Not with several threads: they share the list, and would not again.
 */
#include "sysv_undo.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>

#include "records.h"

#define OPERATIONS 32 /* of one semop(2): SEMOPM is 500, and may be set lower */

struct undo_record { /* RECORD_SYSV_UNDO */
	int32_t set;
	uint32_t count; /* of int16_t in the tail: what each semaphore gets back */
};

/* One round's sets, of the same namespace; each process looks at them. */
struct undo_sets {
	struct undo_set {
		int id;
		size_t count;
	} *list;
	size_t count;
	bool doubt;
};

int undo_sets_doubt(struct undo_sets **sets)
{
	if (!*sets)
		*sets = calloc(1, sizeof(**sets));
	if (!*sets)
		return -ENOMEM;
	(*sets)->doubt = true;
	return 0;
}

int undo_sets_add(struct undo_sets **sets, int id, size_t count)
{
	struct undo_set *more;

	if (2 * count * sizeof(struct sembuf) > SCRATCH_BYTES) /* two of each: take() */
		return undo_sets_doubt(sets);
	if (!*sets)
		*sets = calloc(1, sizeof(**sets));
	more = *sets ? realloc((*sets)->list, ((*sets)->count + 1) * sizeof(*more)) : NULL;
	if (!more)
		return -ENOMEM;
	(*sets)->list = more;
	more[(*sets)->count++] = (struct undo_set){ id, count };
	return 0;
}

void undo_sets_free(struct undo_sets *sets)
{
	if (!sets)
		return;
	free(sets->list);
	free(sets);
}

/* What has been written to @scratch, part by part: those of take() come in pairs. */
static int operate(struct thread *t, int set, uint64_t scratch, size_t count)
{
	for (size_t n = 0; n < count; n += OPERATIONS) {
		size_t part = count - n < OPERATIONS ? count - n : OPERATIONS;
		long result = 0;
		int ret = inject_syscall(t, &result, SYS_semop, set,
					 scratch + n * sizeof(struct sembuf), part, 0, 0, 0);

		if (ret || result < 0)
			return ret ? ret : (int)result;
	}
	return 0;
}

struct reading {
	struct capture *c;
	struct thread *t;
	uint64_t scratch;
	const struct undo_sets *sets;
	uint16_t **before; /* by set; NULL: it has gone */
};

static int read_values(struct reading *r, const struct undo_set *s, uint16_t *values)
{
	long result = 0;
	int ret = inject_syscall(r->t, &result, SYS_semctl, s->id, 0, GETALL, r->scratch, 0, 0);

	if (!ret && result < 0)
		ret = (int)result;
	return ret ? ret : process_read(r->c->process, r->scratch, values,
					s->count * sizeof(*values));
}

/* The process takes again what semaphore after semaphore has got back. */
static int take_again(struct reading *r, const struct undo_set *s, const uint16_t *before,
		      const uint16_t *after, int16_t *back)
{
	struct sembuf *operations = calloc(s->count, sizeof(*operations));
	size_t count = 0;
	int ret;

	if (!operations)
		return -ENOMEM;
	for (size_t n = 0; n < s->count; n++) {
		back[n] = (int16_t)(after[n] - before[n]);
		if (back[n])
			operations[count++] = (struct sembuf){ .sem_num = n, .sem_op = -back[n],
							       .sem_flg = SEM_UNDO | IPC_NOWAIT };
	}
	ret = process_write(r->c->process, r->scratch, operations, count * sizeof(*operations));
	if (!ret)
		ret = operate(r->t, s->id, r->scratch, count);
	free(operations);
	return ret ? ret : (int)count;
}

static int capture_set(struct reading *r, const struct undo_set *s, const uint16_t *before)
{
	struct undo_record record = { .set = s->id, .count = s->count };
	uint16_t *after = calloc(s->count + 1, sizeof(*after));
	int16_t *back = calloc(s->count + 1, sizeof(*back));
	int ret = after && back ? read_values(r, s, after) : -ENOMEM;

	if (!ret)
		ret = take_again(r, s, before, after, back);
	if (ret > 0)
		record_append(r->c->records, RECORD_SYSV_UNDO, &record, sizeof(record), back,
			      s->count * sizeof(*back));
	free(after);
	free(back);
	return ret < 0 ? ret : 0;
}

static int capture_all(struct reading *r)
{
	long result = 0;
	int ret = 0;

	/* First whether all may be read: of another it would not be seen what it gets back. */
	for (size_t n = 0; n < r->sets->count && !ret; n++) {
		const struct undo_set *s = &r->sets->list[n];

		r->before[n] = calloc(s->count + 1, sizeof(**r->before));
		if (!r->before[n])
			return -ENOMEM;
		ret = read_values(r, s, r->before[n]);
		if (ret == -EIDRM || ret == -EINVAL) {
			free(r->before[n]);
			r->before[n] = NULL;
			ret = 0;
		}
	}
	if (ret == -EACCES)
		return 0;
	if (ret)
		return ret;
	ret = inject_syscall(r->t, &result, SYS_unshare, CLONE_SYSVSEM, 0, 0, 0, 0, 0);
	for (size_t n = 0; n < r->sets->count && !ret && !result; n++)
		if (r->before[n])
			ret = capture_set(r, &r->sets->list[n], r->before[n]);
	return ret;
}

int undo_capture(struct capture *c, const struct undo_sets *sets)
{
	struct reading r = { .c = c, .t = process_live_thread(c->process), .sets = sets };
	int ret;

	if (!sets || sets->doubt || !r.t || c->process->zombie || c->process->seccomp ||
	    c->process->thread_count != 1)
		return 0;
	r.before = calloc(sets->count, sizeof(*r.before));
	if (!r.before)
		return fault_set(c->fault, ENOMEM, "out-of-memory", "semaphores");
	ret = inject_begin(r.t, c->fault);
	if (!ret) {
		ret = inject_scratch(r.t, &r.scratch, c->fault);
		if (!ret)
			ret = capture_all(&r);
		inject_end(r.t);
	}
	for (size_t n = 0; n < sets->count; n++)
		free(r.before[n]);
	free(r.before);
	return ret ? fault_set(c->fault, -ret, "internal",
			       "process %d: what it has to give back to semaphores: %s",
			       c->process->virtual_pid, strerror(-ret)) : 0;
}

/* ---- restore ---- */

/* Operations that leave the values as they are, and what is to be given back with the process. */
static int take(struct rebuilt_process *p, const struct undo_record *record, const int16_t *back)
{
	struct thread *t = process_live_thread(p->process);
	struct buffer operations = { 0 };
	size_t count = 0;
	uint64_t scratch;
	int ret;

	for (uint32_t n = 0; n < record->count; n++) {
		struct sembuf both[2] = {
			{ .sem_num = n, .sem_op = back[n], .sem_flg = IPC_NOWAIT },
			{ .sem_num = n, .sem_op = -back[n], .sem_flg = IPC_NOWAIT | SEM_UNDO },
		};

		if (!back[n])
			continue;
		/* Upwards first: it never waits. */
		buffer_append(&operations, &both[back[n] < 0], sizeof(*both));
		buffer_append(&operations, &both[back[n] > 0], sizeof(*both));
		count += 2;
	}
	ret = operations.failed || operations.bytes > SCRATCH_BYTES ? -ENOMEM :
								      inject_begin(t, p->fault);
	if (ret)
		goto out;
	ret = inject_scratch(t, &scratch, p->fault);
	if (!ret)
		ret = process_write(p->process, scratch, operations.data, operations.bytes);
	if (!ret)
		ret = operate(t, record->set, scratch, count);
	inject_end(t);
out:
	buffer_free(&operations);
	return ret;
}

static int undo_restore_last(struct rebuilt_process *p)
{
	const struct record *r = NULL;
	int ret = 0;

	while (!ret && (r = record_find(p->records, RECORD_SYSV_UNDO, r))) {
		struct undo_record record;
		const void *tail;
		size_t bytes;

		record_head(r, &record, sizeof(record));
		tail = record_tail(r, sizeof(record), &bytes);
		if (bytes >= record.count * sizeof(int16_t))
			ret = take(p, &record, tail);
	}
	return ret ? fault_set(p->fault, -ret, "internal",
			       "what %s has to give back to semaphores: %s",
			       p->image->header.program, strerror(-ret)) : 0;
}

const struct resource sysv_undo_resource = {
	.name = "System V semaphores with undo",
	.restore_last = undo_restore_last,
};
