#include "long_wait.h"

#include <asm/unistd.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "../common/proc.h"

#define SLOTS 4096 /* by tid; a collision forgets a wait, which then lasts longer */
#define SECOND_NS 1000000000ull
#define MILLISECOND_NS 1000000ull
/* From one stop to the next in one wait: it falls asleep, and stops. */
#define SWITCHES_OF_ONE_WAIT 2

/* The engine's one thread of ptrace uses it (process.h). */
static struct wait_seen {
	pid_t tid; /* 0: free */
	uint64_t start_ticks;
	uint64_t call[9];
	uint64_t first_ns; /* when it was first stopped in this wait */
	long switches;     /* voluntary ones so far, when it was let go; -1: not yet */
} seen[SLOTS];

static struct wait_seen *slot_of(const struct thread *t)
{
	return &seen[(uint32_t)t->tid % SLOTS];
}

static void describe(const struct thread *t, uint64_t call[9])
{
	const struct user_regs_struct *r = &t->regs;
	const uint64_t all[9] = { r->orig_rax, r->rip, r->rsp, r->rdi, r->rsi,
				  r->rdx, r->r10, r->r8, r->r9 };

	memcpy(call, all, sizeof(all));
}

/* Voluntary context switches, proc(5); -1: not told. */
static long switches_of(pid_t tid)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char *text, *found;
	long count = -1;

	if (proc_read_text(tid, "status", &text, NULL))
		return -1;
	found = strstr(text, key);
	if (found)
		count = atol(found + sizeof(key) - 1);
	free(text);
	return count;
}

static uint64_t of_pointer(const struct thread *t, uint64_t address)
{
	struct timespec time;

	if (!address || process_read(t->process, address, &time, sizeof(time)) || time.tv_sec < 0)
		return 0;
	return time.tv_sec * SECOND_NS + time.tv_nsec;
}

/* SO_RCVTIMEO or SO_SNDTIMEO. */
static uint64_t of_socket(const struct thread *t, int option)
{
	struct timeval time = { 0 };
	socklen_t length = sizeof(time);
	int fd = syscall(SYS_pidfd_getfd, t->process->pidfd, (int)t->regs.rdi, 0);

	if (fd < 0)
		return 0;
	getsockopt(fd, SOL_SOCKET, option, &time, &length);
	close(fd);
	return time.tv_sec * SECOND_NS + time.tv_usec * 1000;
}

/* In nanoseconds, 0: none, or not known; *@result: what says that it has passed. */
static uint64_t timeout_of(const struct thread *t, int64_t *result)
{
	*result = -EAGAIN;
	switch (t->regs.orig_rax) {
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
		*result = 0;
		return (int32_t)t->regs.r10 > 0 ? (int32_t)t->regs.r10 * MILLISECOND_NS : 0;
	case 441: /* epoll_pwait2 */
		*result = 0;
		return of_pointer(t, t->regs.r10);
	case __NR_io_getevents:
	case 333: /* io_pgetevents */
		*result = 0;
		return of_pointer(t, t->regs.r8);
	case __NR_rt_sigtimedwait:
		return of_pointer(t, t->regs.rdx);
	case __NR_semtimedop:
		return of_pointer(t, t->regs.r10);
	case __NR_read:
	case __NR_readv:
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_accept:
	case __NR_accept4:
		return of_socket(t, SO_RCVTIMEO);
	case __NR_write:
	case __NR_writev:
	case __NR_sendto:
	case __NR_sendmsg:
		return of_socket(t, SO_SNDTIMEO);
	}
	return 0;
}

bool long_wait_is_over(const struct thread *t, int64_t *result)
{
	uint64_t timeout_ns = timeout_of(t, result), now_ns = monotonic_ns();
	struct wait_seen *w = slot_of(t), found = { .tid = t->tid, .switches = -1 };
	bool same;
	long switches;

	if (!timeout_ns)
		return false;
	found.start_ticks = t->process->start_ticks;
	found.first_ns = now_ns;
	describe(t, found.call);
	switches = w->tid == t->tid && w->switches >= 0 ? switches_of(t->tid) : -1;
	same = switches >= 0 && switches - w->switches <= SWITCHES_OF_ONE_WAIT &&
	       w->start_ticks == found.start_ticks && !memcmp(w->call, found.call, sizeof(w->call));
	if (same && now_ns - w->first_ns >= timeout_ns) {
		w->tid = 0; /* whatever it waits for next is another wait */
		return true;
	}
	if (same)
		w->switches = -1;
	else
		*w = found;
	return false;
}

void long_wait_goes_on(const struct thread *t)
{
	struct wait_seen *w = slot_of(t);

	if (w->tid == t->tid && w->switches < 0)
		w->switches = switches_of(t->tid);
}
