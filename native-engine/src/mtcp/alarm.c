#include "alarm.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "mtcp.h"
#include "state.h"

/* The thread exists from the first interval or signal until mtcp_finish(). */
static struct {
	pthread_mutex_t lock;
	pthread_t thread;
	bool running, stop;
	unsigned int interval; /* s, 0: none */
	struct timespec next;  /* CLOCK_MONOTONIC */
	sem_t news;            /* something here has changed, or the signal has come */
	_Atomic bool signalled;
	int signal;
	struct sigaction before; /* of @signal */
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void schedule(void)
{
	clock_gettime(CLOCK_MONOTONIC, &state.next);
	state.next.tv_sec += state.interval;
}

static bool is_over(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > t->tv_sec || (now.tv_sec == t->tv_sec && now.tv_nsec >= t->tv_nsec);
}

static void *run(void *context)
{
	(void)context;
	for (;;) {
		struct timespec next;
		unsigned int interval;
		bool stop, due;

		pthread_mutex_lock(&state.lock);
		next = state.next;
		interval = state.interval;
		stop = state.stop;
		pthread_mutex_unlock(&state.lock);
		if (stop)
			return NULL;
		due = atomic_exchange(&state.signalled, false) || (interval && is_over(&next));
		if (due) {
			mtcp_checkpoint_by_alarm();
			pthread_mutex_lock(&state.lock);
			schedule();
			pthread_mutex_unlock(&state.lock);
		} else if (interval) {
			sem_clockwait(&state.news, CLOCK_MONOTONIC, &next);
		} else {
			sem_wait(&state.news);
		}
	}
}

/* With state.lock held. */
static int start(void)
{
	sigset_t all, before;
	int error;

	if (state.running)
		return 0;
	sem_init(&state.news, 0, 0);
	state.stop = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&state.thread, NULL, run, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return mtcp_fail(error, "no thread can be made for the clock of checkpoints");
	pthread_setname_np(state.thread, "mtcp");
	state.running = true;
	return 0;
}

int mtcp_set_interval(unsigned int seconds)
{
	int ret = 0;

	pthread_mutex_lock(&state.lock);
	if (seconds)
		ret = start();
	if (!ret) {
		state.interval = seconds;
		schedule();
		if (state.running)
			sem_post(&state.news);
	}
	pthread_mutex_unlock(&state.lock);
	return ret;
}

static void on_signal(int number)
{
	int error = errno;

	(void)number;
	atomic_store(&state.signalled, true);
	sem_post(&state.news); /* safe in a handler: signal-safety(7) */
	errno = error;
}

int mtcp_set_signal(int number)
{
	struct sigaction ours = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, before;
	int ret = 0;

	pthread_mutex_lock(&state.lock);
	if (number)
		ret = start();
	if (!ret && number && sigaction(number, NULL, &before))
		ret = mtcp_fail(errno, "mtcp_set_signal: no such signal");
	if (!ret && state.signal)
		sigaction(state.signal, &state.before, NULL);
	if (!ret)
		state.signal = 0;
	if (!ret && number) {
		sigfillset(&ours.sa_mask);
		if (sigaction(number, &ours, &state.before))
			ret = mtcp_fail(errno, "mtcp_set_signal: the signal cannot be caught");
		else
			state.signal = number;
	}
	pthread_mutex_unlock(&state.lock);
	return ret;
}

void alarm_restart(void)
{
	pthread_mutex_lock(&state.lock);
	schedule();
	if (state.running)
		sem_post(&state.news);
	pthread_mutex_unlock(&state.lock);
}

void alarm_forget(void)
{
	pthread_mutex_init(&state.lock, NULL);
	state.running = false;
	state.interval = 0;
	atomic_store(&state.signalled, false);
	if (state.signal)
		sigaction(state.signal, &state.before, NULL);
	state.signal = 0;
}

int mtcp_finish(void)
{
	bool running;

	mtcp_set_signal(0);
	pthread_mutex_lock(&state.lock);
	running = state.running;
	if (running && pthread_equal(state.thread, pthread_self())) {
		pthread_mutex_unlock(&state.lock);
		return mtcp_fail(EDEADLK, "mtcp_finish: called by a hook");
	}
	state.running = false;
	state.interval = 0;
	state.stop = true;
	if (running)
		sem_post(&state.news);
	pthread_mutex_unlock(&state.lock);
	if (running)
		pthread_join(state.thread, NULL);
	return 0;
}
