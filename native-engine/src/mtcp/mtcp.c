/* The functions of mtcp.h but those of clock and signal: alarm.c. */
#include "mtcp.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alarm.h"
#include "engine_call.h"
#include "state.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* busy or disabled */
	bool initialised, busy;
	pthread_t owner; /* of busy */
	unsigned int disabled; /* by all threads */
	struct mtcp_hooks hooks;
	struct mtcp_status status;
	char compression[8];
	struct mtcp_answer answer;
	char error[sizeof(((struct mtcp_answer *)0)->text)]; /* of clock or signal */
} mtcp = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER,
	   .compression = "zstd" };

static __thread unsigned int disabled_here;
static __thread char error_here[sizeof(mtcp.error)];

int mtcp_fail(int error, const char *text)
{
	snprintf(error_here, sizeof(error_here), "%s", text);
	return -error;
}

/* A forked child begins anew: whoever waited, slept or held a lock here is not in it. */
static void after_fork(void)
{
	pthread_mutex_init(&mtcp.lock, NULL);
	pthread_cond_init(&mtcp.changed, NULL);
	mtcp.initialised = mtcp.busy = false;
	mtcp.disabled = disabled_here = 0;
	memset(&mtcp.status, 0, sizeof(mtcp.status));
	alarm_forget();
}

static void once(void)
{
	pthread_atfork(NULL, NULL, after_fork);
}

/* A thread that is cancelled in here would leave all others waiting. */
static int lock(void)
{
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_mutex_lock(&mtcp.lock);
	return cancel;
}

static void unlock(int cancel)
{
	pthread_mutex_unlock(&mtcp.lock);
	pthread_setcancelstate(cancel, NULL);
}

static bool is_hook(void)
{
	return mtcp.busy && pthread_equal(mtcp.owner, pthread_self());
}

int mtcp_init(const char *image, unsigned int interval_seconds)
{
	static pthread_once_t fork_handler = PTHREAD_ONCE_INIT;
	char path[sizeof(mtcp.status.image)] = "";
	int cancel;
	size_t used;

	if (!image || !*image)
		return mtcp_fail(EINVAL, "mtcp_init: the image has no name");
	if (image[0] != '/' && !getcwd(path, sizeof(path)))
		return mtcp_fail(errno, "mtcp_init: the working directory has no name");
	used = strlen(path);
	/* The engine puts a suffix behind it. */
	if (used + strlen(image) + 16 > sizeof(path))
		return mtcp_fail(ENAMETOOLONG, "mtcp_init: the name of the image is too long");
	snprintf(path + used, sizeof(path) - used, "%s%s", used ? "/" : "", image);
	pthread_once(&fork_handler, once);
	cancel = lock();
	mtcp.initialised = true;
	strcpy(mtcp.status.image, path);
	unlock(cancel);
	return mtcp_set_interval(interval_seconds);
}

/* Waits for its turn. */
static int begin(struct mtcp_hooks *hooks, char *image, char *compression)
{
	int cancel = lock(), ret = 0;

	if (!mtcp.initialised)
		ret = mtcp_fail(EINVAL, "mtcp_checkpoint: mtcp_init has not been called");
	else if (is_hook())
		ret = mtcp_fail(EDEADLK, "mtcp_checkpoint: called by a hook");
	else if (disabled_here)
		ret = mtcp_fail(EDEADLK, "mtcp_checkpoint: this thread has called mtcp_disable");
	while (!ret && (mtcp.busy || mtcp.disabled))
		pthread_cond_wait(&mtcp.changed, &mtcp.lock);
	if (!ret) {
		mtcp.busy = true;
		mtcp.owner = pthread_self();
		*hooks = mtcp.hooks;
		strcpy(image, mtcp.status.image);
		strcpy(compression, mtcp.compression);
	}
	unlock(cancel);
	return ret;
}

/* Takes down what became of it. */
static int note(int ret)
{
	struct mtcp_status *s = &mtcp.status;
	int cancel = lock();

	if (ret == MTCP_RESTARTED) {
		ret = MTCP_AFTER_RESTART;
		s->checkpoints++;
		s->restarts++;
		s->generation = mtcp.answer.generation;
	} else if (ret == MTCP_ANSWERED && !mtcp.answer.result) {
		ret = MTCP_AFTER_CHECKPOINT;
		s->checkpoints++;
		s->generation = mtcp.answer.generation;
		s->image_bytes = mtcp.answer.image_bytes;
		s->stopped_us = mtcp.answer.stopped_us;
	} else {
		ret = mtcp_fail(ret < 0 ? -ret : -mtcp.answer.result, mtcp.answer.text);
		s->failures++;
	}
	s->last_result = ret;
	unlock(cancel);
	return ret;
}

static void finish(void)
{
	int cancel = lock();

	mtcp.busy = false;
	pthread_cond_broadcast(&mtcp.changed);
	unlock(cancel);
}

int mtcp_checkpoint(void)
{
	char image[sizeof(mtcp.status.image)], compression[sizeof(mtcp.compression)];
	struct mtcp_hooks hooks;
	sigset_t all, before;
	int ret, cancel;

	error_here[0] = '\0';
	ret = begin(&hooks, image, compression);
	if (ret < 0)
		return ret;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (hooks.before)
		hooks.before(hooks.context);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = engine_call(&mtcp.answer, image, compression);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	ret = note(ret);
	if (ret == MTCP_AFTER_RESTART && hooks.restarted)
		hooks.restarted(hooks.context);
	else if (ret != MTCP_AFTER_RESTART && hooks.after)
		hooks.after(hooks.context, ret);
	finish();
	if (ret == MTCP_AFTER_RESTART)
		alarm_restart();
	pthread_setcancelstate(cancel, NULL);
	return ret;
}

int mtcp_checkpoint_by_alarm(void)
{
	int ret = mtcp_checkpoint(), cancel = lock();

	memcpy(mtcp.error, error_here, sizeof(mtcp.error));
	unlock(cancel);
	return ret;
}

int mtcp_set_compression(const char *name)
{
	static const char *const known[] = { "zstd", "lz4", "gzip", "none" };
	int ret = mtcp_fail(EINVAL, "mtcp_set_compression: zstd, lz4, gzip or none"),
	    cancel = lock();

	for (size_t i = 0; name && i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(known[i], name)) {
			strcpy(mtcp.compression, name);
			error_here[0] = '\0';
			ret = 0;
		}
	unlock(cancel);
	return ret;
}

int mtcp_set_hooks(const struct mtcp_hooks *hooks)
{
	int cancel = lock();

	mtcp.hooks = hooks ? *hooks : (struct mtcp_hooks){ 0 };
	unlock(cancel);
	return 0;
}

int mtcp_disable(void)
{
	int cancel = lock(), ret = 0;

	if (is_hook())
		ret = mtcp_fail(EDEADLK, "mtcp_disable: called by a hook");
	while (!ret && !disabled_here && mtcp.busy)
		pthread_cond_wait(&mtcp.changed, &mtcp.lock);
	if (!ret) {
		disabled_here++;
		mtcp.disabled++;
	}
	unlock(cancel);
	return ret;
}

int mtcp_enable(void)
{
	int cancel = lock(), ret = 0;

	if (!disabled_here) {
		ret = mtcp_fail(EPERM, "mtcp_enable: this thread has not called mtcp_disable");
	} else {
		disabled_here--;
		if (!--mtcp.disabled)
			pthread_cond_broadcast(&mtcp.changed);
	}
	unlock(cancel);
	return ret;
}

int mtcp_get_status(struct mtcp_status *status)
{
	int cancel = lock();

	*status = mtcp.status;
	unlock(cancel);
	return 0;
}

const char *mtcp_error(void)
{
	int cancel;

	if (error_here[0])
		return error_here;
	cancel = lock();
	memcpy(error_here, mtcp.error, sizeof(error_here));
	unlock(cancel);
	return error_here;
}
