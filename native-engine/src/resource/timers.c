#include "timers.h"

#include <errno.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "../common/proc.h"
#include "records.h"
#include "signals.h"

#ifndef PR_TIMER_CREATE_RESTORE_IDS
#define PR_TIMER_CREATE_RESTORE_IDS 77
#endif

#define INTERVAL_TIMERS 3
#define ATTEMPTS 8
#define SECOND_NS 1000000000ll
#define THREAD_CPU_CLOCK(id) (((id) & 4) && (id) < 0) /* CPUCLOCK_PERTHREAD, linux/posix-timers.h */

struct itimers_record { /* RECORD_ITIMERS: ITIMER_REAL, VIRTUAL, PROF */
	struct itimerval timers[INTERVAL_TIMERS];
};

struct posix_timer_record { /* RECORD_POSIX_TIMER */
	int32_t id;
	int32_t clock;  /* as the kernel numbers it: negative for CPU clocks */
	int32_t signal;
	int32_t notify; /* SIGEV_* */
	uint64_t value; /* sigev_value */
	int32_t target_tid; /* SIGEV_THREAD_ID: virtual */
	int32_t pending;    /* its signal was queued and not yet taken */
	struct itimerspec time; /* remaining and interval */
};

/* ---- capture ---- */

static pid_t virtual_id(const struct process *p, pid_t id)
{
	size_t i;

	for (i = 0; i < p->thread_count; i++)
		if (p->threads[i].tid == id)
			return p->threads[i].virtual_tid;
	return id == p->pid ? p->virtual_pid : 0;
}

/* One timer of /proc/PID/timers, proc(5); *@text moves behind it. False at the end. */
static bool parse_timer(const struct process *p, const char **text,
			struct posix_timer_record *timer)
{
	const char *line = strstr(*text, "ID: ");
	char how[16], whom[8];
	unsigned long long value;
	int target, consumed = 0;

	memset(timer, 0, sizeof(*timer));
	if (!line || sscanf(line, "ID: %d signal: %d/%llx notify: %15[a-z]/%7[a-z].%d ClockID: %d%n",
			    &timer->id, &timer->signal, &value, how, whom, &target, &timer->clock,
			    &consumed) != 7)
		return false;
	*text = line + consumed;
	timer->value = value;
	timer->notify = !strcmp(how, "none") ? SIGEV_NONE :
			!strcmp(how, "thread") ? SIGEV_THREAD : SIGEV_SIGNAL;
	if (!strcmp(whom, "tid")) {
		timer->notify |= SIGEV_THREAD_ID;
		timer->target_tid = virtual_id(p, target);
	}
	return true;
}

/* The id of the timer that has sent a signal: its si_timerid is the program's own number. */
static bool is_pending(const struct buffer *records, int32_t id)
{
	const struct record *r = NULL;

	while ((r = record_find(records, RECORD_PENDING_SIGNAL, r))) {
		siginfo_t info;

		memcpy(&info, r->payload + 8, sizeof(info));
		if (info.si_code == SI_TIMER && info.si_timerid == id)
			return true;
	}
	return false;
}

static int read_posix(struct thread *t, uint64_t scratch, const struct buffer *pending,
		      struct buffer *records)
{
	struct posix_timer_record timer;
	const char *rest;
	long result;
	char *text;
	int ret = proc_read_text(t->tid, "timers", &text, NULL);

	if (ret == -ENOENT) /* a kernel without CONFIG_CHECKPOINT_RESTORE */
		return 0;
	if (ret < 0)
		return ret;
	rest = text;
	while (!ret && parse_timer(t->process, &rest, &timer)) {
		ret = inject_syscall(t, &result, SYS_timer_gettime, timer.id, scratch, 0, 0, 0, 0);
		if (!ret && result < 0)
			ret = result;
		if (!ret)
			ret = process_read(t->process, scratch, &timer.time, sizeof(timer.time));
		timer.pending = is_pending(pending, timer.id);
		record_append(records, RECORD_POSIX_TIMER, &timer, sizeof(timer), NULL, 0);
	}
	free(text);
	return ret;
}

static int read_interval(struct thread *t, uint64_t scratch, struct buffer *records)
{
	struct batch_call calls[INTERVAL_TIMERS] = { 0 };
	struct itimers_record record;
	int which, ret;

	for (which = 0; which < INTERVAL_TIMERS; which++)
		calls[which] = (struct batch_call){
			SYS_getitimer, { which, scratch + which * sizeof(struct itimerval) }, 0 };
	ret = inject_calls(t, calls, INTERVAL_TIMERS);
	for (which = 0; which < INTERVAL_TIMERS && !ret; which++)
		ret = (int)calls[which].result;
	if (!ret)
		ret = process_read(t->process, scratch, &record, sizeof(record));
	if (!ret)
		record_append(records, RECORD_ITIMERS, &record, sizeof(record), NULL, 0);
	return ret;
}

/* Adds timers and pending signals to @out; *@stable when no timer has expired in between. */
static int read_once(struct thread *t, uint64_t scratch, struct buffer *out, bool *stable)
{
	struct buffer before = { 0 }, after = { 0 };
	int ret = signals_peek_pending(t->process, &before);

	if (!ret)
		ret = read_interval(t, scratch, out);
	if (!ret)
		ret = read_posix(t, scratch, &before, out);
	if (!ret)
		ret = signals_peek_pending(t->process, &after);
	*stable = before.bytes == after.bytes;
	buffer_append(out, before.data, before.bytes);
	if (before.failed || after.failed || out->failed)
		ret = -ENOMEM;
	buffer_free(&before);
	buffer_free(&after);
	return ret;
}

static int read_all(struct capture *c, struct thread *t, uint64_t scratch)
{
	bool stable = false;
	int attempt, ret = 0;

	/* A timer whose signal is pending rests until it is taken: this ends by itself. */
	for (attempt = 0; attempt < ATTEMPTS && !stable && !ret; attempt++) {
		struct buffer out = { 0 };

		ret = read_once(t, scratch, &out, &stable);
		if (!ret && (stable || attempt == ATTEMPTS - 1))
			buffer_append(c->records, out.data, out.bytes);
		buffer_free(&out);
	}
	return ret;
}

static int capture(struct capture *c)
{
	struct thread *t = process_live_thread(c->process);
	uint64_t scratch;
	int ret, end;

	if (!t)
		return 0;
	ret = inject_begin(t, c->fault);
	if (ret < 0)
		return ret;
	ret = inject_scratch(t, &scratch, c->fault);
	if (!ret)
		ret = read_all(c, t, scratch);
	end = inject_end(t);
	if (!ret)
		ret = end;
	if (ret < 0)
		return fault_set(c->fault, -ret, "internal", "timers of process %d: %s",
				 c->process->pid, strerror(-ret));
	return 0;
}

/* ---- restore ---- */

static bool is_periodic(const struct posix_timer_record *timer)
{
	return timer->time.it_interval.tv_sec || timer->time.it_interval.tv_nsec;
}

bool posix_timer_sends_again(const struct buffer *records, const siginfo_t *info)
{
	const struct record *r = NULL;

	if (info->si_code != SI_TIMER)
		return false;
	while ((r = record_find(records, RECORD_POSIX_TIMER, r))) {
		struct posix_timer_record timer;

		record_head(r, &timer, sizeof(timer));
		if (timer.id == info->si_timerid && timer.pending && is_periodic(&timer))
			return true;
	}
	return false;
}

static struct thread *creating_thread(struct process *p, const struct posix_timer_record *timer)
{
	size_t i;

	/* The clock of a thread's own time: the kernel does not tell whose. Its target is likely. */
	if (timer->target_tid && THREAD_CPU_CLOCK(timer->clock))
		for (i = 0; i < p->thread_count; i++)
			if (p->threads[i].virtual_tid == timer->target_tid)
				return &p->threads[i];
	return process_live_thread(p);
}

struct kernel_sigevent { /* asm-generic/siginfo.h */
	uint64_t value;
	int32_t signal, notify, tid;
	int32_t pad[11];
};

/*
 * With the kernel's help (6.15) the wanted id is given in *@scratch. Before, ids are a counter of
 * the process (3.10): made and deleted until it comes.
 */
static int create_with_id(struct thread *t, const struct posix_timer_record *timer,
			  uint64_t scratch)
{
	struct kernel_sigevent event = {
		.value = timer->value, .signal = timer->signal, .notify = timer->notify,
		.tid = timer->target_tid,
	};
	uint64_t event_address = scratch + 64;
	int32_t id = timer->id;
	long result, exact;
	int ret;

	ret = inject_syscall(t, &exact, SYS_prctl, PR_TIMER_CREATE_RESTORE_IDS, 1, 0, 0, 0, 0);
	if (!ret)
		ret = process_write(t->process, event_address, &event, sizeof(event));
	for (;;) {
		if (!ret)
			ret = process_write(t->process, scratch, &id, sizeof(id));
		if (!ret)
			ret = inject_syscall(t, &result, SYS_timer_create, timer->clock,
					     event_address, scratch, 0, 0, 0);
		if (!ret)
			ret = result;
		if (!ret)
			ret = process_read(t->process, scratch, &id, sizeof(id));
		if (ret < 0 || id == timer->id)
			break;
		if (exact == 0 || id > timer->id) {
			ret = -EBUSY;
			break;
		}
		ret = inject_syscall(t, &result, SYS_timer_delete, id, 0, 0, 0, 0, 0);
	}
	if (exact == 0)
		inject_syscall(t, &result, SYS_prctl, PR_TIMER_CREATE_RESTORE_IDS, 0, 0, 0, 0, 0);
	return ret;
}

static int with_scratch(struct rebuilt_process *p, struct thread *t,
			const struct posix_timer_record *timer,
			int (*act)(struct thread *t, const struct posix_timer_record *timer,
				   uint64_t scratch))
{
	uint64_t scratch;
	int ret, end;

	ret = inject_begin(t, p->fault);
	if (ret < 0)
		return ret;
	ret = inject_scratch(t, &scratch, p->fault);
	if (!ret)
		ret = act(t, timer, scratch);
	end = inject_end(t);
	if (!ret)
		ret = end;
	if (ret < 0)
		return fault_set(p->fault, -ret, "internal", "timer %d of process %d: %s", timer->id,
				 p->process->virtual_pid, strerror(-ret));
	return 0;
}

static int for_each_timer(struct rebuilt_process *p,
			  int (*act)(struct thread *t, const struct posix_timer_record *timer,
				     uint64_t scratch))
{
	const struct record *r = NULL;
	int ret = 0;

	while (!ret && (r = record_find(p->records, RECORD_POSIX_TIMER, r))) {
		struct posix_timer_record timer;

		record_head(r, &timer, sizeof(timer));
		ret = with_scratch(p, creating_thread(p->process, &timer), &timer, act);
	}
	return ret;
}

static int restore_outside(struct rebuilt_process *p)
{
	return for_each_timer(p, create_with_id);
}

static int64_t nanoseconds(const struct timespec *t)
{
	return t->tv_sec * SECOND_NS + t->tv_nsec;
}

/*
 * A pending periodic timer is set to have expired one interval before its next expiry: it raises
 * its signal at once, and the next one comes when it would have come.
 */
static bool in_the_past(const struct posix_timer_record *timer, struct itimerspec *time)
{
	struct timespec now;
	int64_t expiry;

	if (!timer->pending || !is_periodic(timer) || timer->clock < 0 ||
	    clock_gettime(timer->clock, &now))
		return false;
	expiry = nanoseconds(&now) + nanoseconds(&time->it_value) - nanoseconds(&time->it_interval);
	if (expiry < 1)
		expiry = 1;
	time->it_value.tv_sec = expiry / SECOND_NS;
	time->it_value.tv_nsec = expiry % SECOND_NS;
	return true;
}

static int arm(struct thread *t, const struct posix_timer_record *timer, uint64_t scratch)
{
	struct itimerspec time = timer->time;
	bool absolute = in_the_past(timer, &time);
	long result = 0;
	int ret;

	if (!time.it_value.tv_sec && !time.it_value.tv_nsec)
		return 0;
	ret = process_write(t->process, scratch, &time, sizeof(time));
	if (!ret)
		ret = inject_syscall(t, &result, SYS_timer_settime, timer->id,
				     absolute ? TIMER_ABSTIME : 0, scratch, 0, 0, 0);
	return ret < 0 ? ret : (int)result;
}

static int arm_interval(struct rebuilt_process *p)
{
	const struct record *r = record_find(p->records, RECORD_ITIMERS, NULL);
	struct thread *t = process_live_thread(p->process);
	struct itimers_record record;
	uint64_t scratch;
	long result = 0;
	int which, ret = 0, end;

	if (!r || !t)
		return 0;
	record_head(r, &record, sizeof(record));
	/*
	 * Expired, and its signal not taken yet: the kernel counts the next period from then on
	 * (kernel/signal.c, dequeue_signal). Let it expire again at once; the signals merge.
	 */
	if (!timerisset(&record.timers[ITIMER_REAL].it_value) &&
	    timerisset(&record.timers[ITIMER_REAL].it_interval))
		record.timers[ITIMER_REAL].it_value.tv_usec = 1;
	for (which = 0; which < INTERVAL_TIMERS; which++)
		if (timerisset(&record.timers[which].it_value))
			break;
	if (which == INTERVAL_TIMERS)
		return 0;
	ret = inject_begin(t, p->fault);
	if (ret < 0)
		return ret;
	ret = inject_scratch(t, &scratch, p->fault);
	if (!ret)
		ret = process_write(t->process, scratch, &record, sizeof(record));
	for (which = 0; which < INTERVAL_TIMERS && !ret; which++) {
		if (!timerisset(&record.timers[which].it_value))
			continue;
		ret = inject_syscall(t, &result, SYS_setitimer, which,
				     scratch + which * sizeof(struct itimerval), 0, 0, 0, 0);
		if (!ret)
			ret = result;
	}
	end = inject_end(t);
	if (!ret)
		ret = end;
	if (ret < 0)
		return fault_set(p->fault, -ret, "internal", "interval timers of process %d: %s",
				 p->process->virtual_pid, strerror(-ret));
	return 0;
}

static int restore_last(struct rebuilt_process *p)
{
	int ret = for_each_timer(p, arm);

	return ret ? ret : arm_interval(p);
}

const struct resource resource_timers = {
	.name = "timers",
	.capture = capture,
	.restore_outside = restore_outside,
	.restore_last = restore_last,
};
