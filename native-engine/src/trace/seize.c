/*
 * The kernel lets nobody attach to a thread while another one of its process is in execve(2)
 * (cred_guard_mutex, kernel/ptrace.c), and that waits until all others have been reaped (fs/exec.c,
 * de_thread): those that we have attached to already by us, who sleep in ptrace(2). So a timer's
 * signal reaps them meanwhile, and ends the wait at the deadline.
 */
#include "seize.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "status.h"
#include "wait.h"

#define WAKE SIGALRM
#define WAKE_EVERY_NS 5000000

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* Of the one thread that traces. */
static const struct freezing *volatile seizing;
static sigjmp_buf given_up;
static timer_t timer;
static pid_t timer_of; /* 0: not made */

static void on_wake(int signal_number)
{
	const struct freezing *f = seizing;
	int saved = errno;

	(void)signal_number;
	if (!f)
		return;
	for (size_t i = 0; i < f->process->thread_count; i++) {
		pid_t tid = f->process->threads[i].tid;
		siginfo_t change = { 0 };

		/* Only ends: a stop is for who waits for it. */
		if (tid != f->process->pid &&
		    !waitid(P_PID, tid, &change, WEXITED | WNOHANG | WNOWAIT | __WALL) &&
		    (change.si_code == CLD_EXITED || change.si_code == CLD_KILLED ||
		     change.si_code == CLD_DUMPED) &&
		    waitpid(tid, NULL, WNOHANG | __WALL) == tid)
			f->states[i] = STOP_GONE;
	}
	errno = saved;
	if (monotonic_ns() >= f->deadline_ns)
		siglongjmp(given_up, 1);
}

/* A timer belongs to a process, its signal to a thread: a fork has neither. */
static int make_timer(void)
{
	struct sigaction action = { .sa_handler = on_wake, .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = WAKE };
	pid_t self = syscall(SYS_gettid);
	sigset_t wake;

	if (timer_of == self)
		return 0;
	event.sigev_notify_thread_id = self;
	sigemptyset(&wake);
	sigaddset(&wake, WAKE);
	if (sigaction(WAKE, &action, NULL) || timer_create(CLOCK_MONOTONIC, &event, &timer))
		return errno;
	pthread_sigmask(SIG_UNBLOCK, &wake, NULL);
	timer_of = self;
	return 0;
}

static bool is_ours(pid_t tid)
{
	struct proc_status status;

	return !proc_status(tid, &status) && status.tracer == (pid_t)syscall(SYS_gettid);
}

int seize_guarded(const struct freezing *f, pid_t tid)
{
	const struct itimerspec often = { { 0, WAKE_EVERY_NS }, { 0, WAKE_EVERY_NS } };
	const struct itimerspec never = { 0 };
	int error;

	/* The first one has nobody of ours to wait for. */
	if (!f->process->thread_count || make_timer())
		return ptrace(PTRACE_SEIZE, tid, NULL, STOP_OPTIONS) ? errno : 0;
	timer_settime(timer, 0, &often, NULL);
	if (sigsetjmp(given_up, 1)) {
		error = is_ours(tid) ? 0 : ETIMEDOUT;
	} else {
		seizing = f;
		error = ptrace(PTRACE_SEIZE, tid, NULL, STOP_OPTIONS) ? errno : 0;
	}
	seizing = NULL;
	timer_settime(timer, 0, &never, NULL);
	return error;
}
