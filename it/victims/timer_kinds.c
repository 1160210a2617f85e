/*
 * victim: POSIX timers: absolute, silent, on the time of a child and a thread, with overruns
 * category: time
 * scenarios: cycles twice
 * link: -pthread
 */
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

#define sigev_thread_id_ _sigev_un._tid

static timer_t relative[5], absolute[3], silent, busy, of_child, of_thread;
static int with_tai;
static pid_t child;

static void near(timer_t timer, const char *what)
{
	struct itimerspec left;

	victim_check(timer_gettime(timer, &left) == 0);
	if (left.it_value.tv_sec > 3000 || left.it_value.tv_sec < 2500 ||
	    left.it_interval.tv_sec != 9)
		victim_bad("%s: %ld s every %ld s", what, left.it_value.tv_sec,
			   left.it_interval.tv_sec);
}

static void check(void)
{
	for (int i = 0; i < 3 + with_tai; i++)
		near(relative[i], "relative");
	for (int i = 0; i < 3; i++)
		near(absolute[i], "absolute");
	near(silent, "silent");
	near(of_child, "of a child");
	near(of_thread, "of a thread");
	victim_check(timer_getoverrun(busy) == 0);
}

static timer_t make(clockid_t clock, int notify, int flags)
{
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = SIGRTMIN + 3 };
	struct itimerspec at = { { 9, 0 }, { 3000, 0 } };
	struct timespec now = { 0 };
	timer_t timer;

	event.sigev_value.sival_ptr = &timer;
	event.sigev_thread_id_ = syscall(SYS_gettid);
	if (timer_create(clock, notify < 0 ? NULL : &event, &timer))
		return NULL;
	if (flags)
		clock_gettime(clock, &now);
	at.it_value.tv_sec += now.tv_sec;
	victim_check(!timer_settime(timer, flags, &at, NULL));
	return timer;
}

static void *run(void *nothing)
{
	for (;;)
		pause();
	return nothing;
}

int main(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 4 };
	struct itimerspec often = { { 0, 1000000 }, { 0, 1000000 } };
	pthread_t thread;
	clockid_t clock;
	sigset_t set;

	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 4);
	sigprocmask(SIG_BLOCK, &set, NULL);
	victim_check(!pthread_create(&thread, NULL, run, NULL));
	relative[0] = make(CLOCK_REALTIME, SIGEV_SIGNAL, 0);
	relative[1] = make(CLOCK_MONOTONIC, SIGEV_THREAD_ID, 0);
	relative[2] = make(CLOCK_BOOTTIME, SIGEV_NONE, 0);
	relative[3] = make(CLOCK_TAI, SIGEV_SIGNAL, 0);
	with_tai = relative[3] != NULL;
	absolute[0] = make(CLOCK_REALTIME, SIGEV_SIGNAL, TIMER_ABSTIME);
	absolute[1] = make(CLOCK_MONOTONIC, SIGEV_NONE, TIMER_ABSTIME);
	absolute[2] = make(CLOCK_BOOTTIME, SIGEV_SIGNAL, TIMER_ABSTIME);
	silent = make(CLOCK_REALTIME, -1, 0); /* SIGALRM, timer_create(2) */
	victim_check(!clock_getcpuclockid(child, &clock));
	of_child = make(clock, SIGEV_SIGNAL, 0);
	victim_check(!pthread_getcpuclockid(thread, &clock));
	of_thread = make(clock, SIGEV_SIGNAL, 0);
	victim_check(!timer_create(CLOCK_MONOTONIC, &event, &busy));
	victim_check(!timer_settime(busy, 0, &often, NULL));
	usleep(20000);
	{
		int result = victim_run(check);
		siginfo_t info;

		victim_check(sigwaitinfo(&set, &info) == SIGRTMIN + 4 && info.si_code == SI_TIMER);
		victim_check(info.si_overrun >= 19 && timer_getoverrun(busy) == info.si_overrun);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		return result;
	}
}
