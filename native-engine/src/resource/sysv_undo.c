/*
 * What System V semaphores get back when a process ends (SEM_UNDO). The kernel tells nobody, but its
 * adjustment is within 16 bits, and semop(2) fails with ERANGE where an operation would take it out
 * of them, else with EAGAIN when the last operation of its list can never be: in both cases the
 * whole list is taken back before anybody has seen it (ipc/sem.c, perform_atomic_semop). So it is
 * asked, without a change.
 */
#include "sysv_undo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../engine/round.h"
#include "records.h"

#define OPERATIONS 500     /* of one semop(2): SEMOPM as it is, and may be set lower */
#define OF_A_QUESTION 9    /* operations that ask about one semaphore */
#define HIGHEST 32767      /* of a value and of an adjustment: SEMVMX, SEMAEM */
#define LOWEST (-HIGHEST - 1)
#define ATTEMPTS 16
#define KCMP_SYSVSEM_TYPE 6 /* linux/kcmp.h */

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
};

int undo_sets_add(struct undo_sets **sets, int id, size_t count)
{
	struct undo_set *more;

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

/* ---- capture ---- */

struct reading {
	struct capture *c;
	struct thread *t;
	uint64_t scratch;
	const struct undo_set *set;
	uint16_t *values;
	int16_t *back;
	int last;      /* found last, of the same round of questions: others are often like it */
	size_t places; /* operations that one call takes */
};

struct question {
	struct sembuf list[OPERATIONS];
	size_t count;
};

static void operation(struct question *q, size_t n, int amount, int flags)
{
	if (amount) /* none would wait for 0 */
		q->list[q->count++] = (struct sembuf){ .sem_num = n, .sem_op = (short)amount,
						       .sem_flg = (short)(flags | IPC_NOWAIT) };
}

/* Possible only if the adjustment of semaphore @n is @wanted; not LOWEST. Its value ends HIGHEST. */
static void ask_whether(struct reading *r, struct question *q, size_t n, int wanted)
{
	int value = r->values[n];

	if (wanted > 0) {
		operation(q, n, -value, 0);
		operation(q, n, wanted, SEM_UNDO); /* takes from the adjustment what it adds */
		operation(q, n, HIGHEST - wanted, 0);
	} else {
		operation(q, n, HIGHEST - value, 0);
		operation(q, n, wanted, SEM_UNDO);
		operation(q, n, -wanted, 0);
	}
	operation(q, n, -HIGHEST, SEM_UNDO); /* too much for more than 0 */
	operation(q, n, HIGHEST, SEM_UNDO);
	operation(q, n, -HIGHEST, 0);
	operation(q, n, HIGHEST, SEM_UNDO); /* these two for less */
	operation(q, n, -1, 0);
	operation(q, n, 1, SEM_UNDO);
}

/* 1: all that was asked is so, 0: it is not, or -errno. Nothing has happened to semaphore @n. */
static int answer(struct reading *r, struct question *q, size_t n)
{
	long result = 0;
	int ret;

	operation(q, n, LOWEST, 0); /* no value is high enough: nothing of the list ever happens */
	ret = process_write(r->c->process, r->scratch, q->list, q->count * sizeof(*q->list));
	if (!ret)
		ret = inject_syscall(r->t, &result, SYS_semop, r->set->id, r->scratch, q->count, 0,
				     0, 0);
	if (ret || result == -EAGAIN)
		return ret ? ret : 1;
	return result == -ERANGE ? 0 : result < 0 ? (int)result : -EPROTO;
}

static int are_all(struct reading *r, size_t from, size_t to, int wanted)
{
	struct question q = { .count = 0 };

	for (size_t n = from; n < to; n++)
		ask_whether(r, &q, n, wanted);
	return answer(r, &q, from);
}

/* Whether an operation of @amount on semaphore @n leaves the adjustment within its bounds. */
static int has_room_for(struct reading *r, size_t n, int amount)
{
	struct question q = { .count = 0 };

	operation(&q, n, amount < 0 ? HIGHEST - r->values[n] : -r->values[n], 0);
	operation(&q, n, amount, SEM_UNDO);
	return answer(r, &q, n);
}

/* Not 0. */
static int find_one(struct reading *r, size_t n)
{
	int ret = has_room_for(r, n, -HIGHEST), sign = ret ? 1 : -1;
	int room = 0, none = ret ? HIGHEST + 1 : HIGHEST;

	if (ret < 0)
		return ret;
	while (none - room > 1) {
		int amount = (room + none) / 2;

		ret = has_room_for(r, n, sign * amount);
		if (ret < 0)
			return ret;
		*(ret ? &room : &none) = amount;
	}
	r->back[n] = (int16_t)(sign > 0 ? room + LOWEST : HIGHEST - room);
	r->last = r->back[n];
	return 0;
}

static int find(struct reading *r, size_t from, size_t to)
{
	size_t middle = from + (to - from) / 2;
	int ret = are_all(r, from, to, 0);

	if (ret)
		return ret < 0 ? ret : 0;
	if (r->last && r->last != LOWEST) {
		ret = are_all(r, from, to, r->last);
		for (size_t n = from; ret > 0 && n < to; n++)
			r->back[n] = (int16_t)r->last;
		if (ret)
			return ret < 0 ? ret : 0;
	}
	if (to - from == 1)
		return find_one(r, from);
	ret = find(r, from, middle);
	return ret ? ret : find(r, middle, to);
}

static int read_values(struct reading *r, uint16_t *values)
{
	long result = 0;
	int ret = inject_syscall(r->t, &result, SYS_semctl, r->set->id, 0, GETALL, r->scratch, 0, 0);

	if (!ret && result < 0)
		ret = (int)result;
	return ret ? ret : process_read(r->c->process, r->scratch, values,
					r->set->count * sizeof(*values));
}

/* Until nobody from outside has changed a value meanwhile: the questions begin with them. */
static int find_all(struct reading *r)
{
	size_t bytes = r->set->count * sizeof(*r->values), part = (r->places - 1) / OF_A_QUESTION;
	uint16_t *after = malloc(bytes + 1);
	int ret = after ? read_values(r, r->values) : -ENOMEM;

	for (int n = 0; !ret; n++) {
		memset(r->back, 0, r->set->count * sizeof(*r->back));
		for (size_t from = 0; !ret && from < r->set->count; from += part)
			ret = find(r, from, from + part < r->set->count ? from + part :
									  r->set->count);
		if (!ret)
			ret = read_values(r, after);
		if (ret || !memcmp(r->values, after, bytes))
			break;
		memcpy(r->values, after, bytes);
		ret = n < ATTEMPTS ? 0 : -EAGAIN;
	}
	free(after);
	return ret;
}

/* 1: it has something to give back. */
static int capture_set(struct reading *r, bool record_it)
{
	struct undo_record record = { .set = r->set->id, .count = r->set->count };
	bool found = false;
	int ret;

	r->values = calloc(r->set->count + 1, sizeof(*r->values));
	r->back = calloc(r->set->count + 1, sizeof(*r->back));
	ret = r->values && r->back ? find_all(r) : -ENOMEM;
	for (size_t n = 0; !ret && n < r->set->count; n++)
		found |= r->back[n] != 0;
	if (found && record_it)
		record_append(r->c->records, RECORD_SYSV_UNDO, &record, sizeof(record), r->back,
			      r->set->count * sizeof(*r->back));
	free(r->values);
	free(r->back);
	r->values = NULL;
	r->back = NULL;
	/* Gone, or not for it to change, and so to give anything back to. */
	return ret == -EIDRM || ret == -EINVAL || ret == -EACCES ? 0 : ret ? ret : found;
}

/* 1: @t has something to give back to one of the sets. */
static int capture_of_thread(struct capture *c, struct thread *t, const struct undo_sets *sets,
			     bool record_it)
{
	struct reading r = { .c = c, .t = t };
	struct seminfo info = { 0 };
	long result = 0;
	int ret = inject_begin(t, c->fault), end, found = 0;

	if (ret)
		return ret;
	ret = inject_scratch(t, &r.scratch, c->fault);
	if (!ret)
		ret = inject_syscall(t, &result, SYS_semctl, 0, 0, IPC_INFO, r.scratch, 0, 0);
	if (!ret)
		ret = result < 0 ? (int)result :
				   process_read(c->process, r.scratch, &info, sizeof(info));
	r.places = info.semopm < OPERATIONS ? info.semopm : OPERATIONS;
	if (!ret && info.semopm <= OF_A_QUESTION)
		ret = -E2BIG;
	for (size_t n = 0; n < sets->count && ret >= 0; n++) {
		r.set = &sets->list[n];
		ret = capture_set(&r, record_it);
		found |= ret > 0;
	}
	end = inject_end(t);
	if (ret >= 0 && end)
		ret = end;
	return ret < 0 ? ret : found;
}

/* Threads may have lists of their own, and processes one together: clone(2), CLONE_SYSVSEM. */
static bool shares_list(pid_t a, pid_t b)
{
	return !syscall(SYS_kcmp, a, b, KCMP_SYSVSEM_TYPE, 0, 0);
}

static int refuse_others(struct capture *c, const struct undo_sets *sets, bool found)
{
	struct process *p = c->process;
	pid_t first = process_live_thread(p)->tid;
	int ret = 0;

	for (size_t n = 0; n < p->thread_count && !ret; n++) {
		struct thread *t = &p->threads[n];

		if (t->exited_leader || t->tid == first || shares_list(first, t->tid))
			continue;
		ret = capture_of_thread(c, t, sets, false);
		if (ret > 0)
			ret = fault_set(c->fault, EOPNOTSUPP, "not-supported",
					"thread %d of process %d alone gives back to System V "
					"semaphores (SEM_UNDO)", t->virtual_tid, p->virtual_pid);
	}
	for (size_t n = 0; n < c->round->member_count && found && !ret; n++) {
		struct process *other = c->round->members[n];

		if (other != p && !other->zombie && shares_list(first, other->live_tid))
			ret = fault_set(c->fault, EOPNOTSUPP, "not-supported",
					"processes %d and %d together give back to System V "
					"semaphores (SEM_UNDO)", p->virtual_pid,
					other->virtual_pid);
	}
	return ret;
}

int undo_capture(struct capture *c, const struct undo_sets *sets)
{
	struct thread *t = process_live_thread(c->process);
	int ret;

	if (!sets || !t || c->process->zombie || c->process->seccomp)
		return 0;
	ret = capture_of_thread(c, t, sets, true);
	if (ret >= 0)
		ret = refuse_others(c, sets, ret > 0);
	return ret < 0 ? fault_set(c->fault, -ret, "internal",
				   "process %d: what it has to give back to semaphores: %s",
				   c->process->virtual_pid, strerror(-ret)) : 0;
}

/* ---- restore ---- */

/* Both operations in one call, so that the value is what it was: 0 or -errno. */
static int operate(struct rebuilt_process *p, struct thread *t, int set, uint64_t scratch,
		   struct sembuf first, struct sembuf second)
{
	const struct sembuf both[2] = { first, second };
	long result = 0;
	int ret = process_write(p->process, scratch, both, sizeof(both));

	if (!ret)
		ret = inject_syscall(t, &result, SYS_semop, set, scratch, 2, 0, 0, 0);
	return ret ? ret : (int)result;
}

static int take_piece(struct rebuilt_process *p, struct thread *t, int set, uint64_t scratch,
		      size_t n, int back)
{
	struct sembuf undone = { .sem_num = n, .sem_op = -back, .sem_flg = IPC_NOWAIT | SEM_UNDO };
	struct sembuf other = { .sem_num = n, .sem_op = back, .sem_flg = IPC_NOWAIT };
	int ret = operate(p, t, set, scratch, other, undone);

	/* The value may be too low to begin with the one, or too high for the other. */
	return ret == -EAGAIN || ret == -ERANGE ? operate(p, t, set, scratch, undone, other) : ret;
}

/* In pieces, of which no value is at once too low and too high. */
static int take_one(struct rebuilt_process *p, struct thread *t, int set, uint64_t scratch,
		    size_t n, int back)
{
	const int most = HIGHEST / 2;
	int ret = 0;

	while (back && !ret) {
		int piece = back > most ? most : back < -most ? -most : back;

		ret = take_piece(p, t, set, scratch, n, piece);
		back -= piece;
	}
	return ret;
}

static int take(struct rebuilt_process *p, const struct undo_record *record, const int16_t *back)
{
	struct thread *t = process_live_thread(p->process);
	uint64_t scratch;
	int ret = inject_begin(t, p->fault), end;

	if (ret)
		return ret;
	ret = inject_scratch(t, &scratch, p->fault);
	for (uint32_t n = 0; n < record->count && !ret; n++)
		if (back[n])
			ret = take_one(p, t, record->set, scratch, n, back[n]);
	end = inject_end(t);
	return ret ? ret : end;
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
