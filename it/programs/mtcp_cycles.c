/*
 * A program that checkpoints itself: `cycles IMAGE HOW`. It prints a line per event; the test reads
 * them. Two threads count meanwhile and must not notice anything.
 *
 *   now       one checkpoint; ends after it, and after the restart
 *   repeated  five checkpoints one after the other, in each of which it may be restarted
 *   clock     a checkpoint every second; ends when it has been restarted
 *   signal    the same on SIGUSR1
 *   together  three threads ask for three checkpoints each, and two keep them out now and then
 *   failing   says what a checkpoint that cannot work returns, then goes on
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mtcp.h"

#define LIMIT_S 60

static _Atomic unsigned long counted[2], handled_children;
static _Atomic int restarts, afters, befores;

static void say(const char *text)
{
	printf("%s\n", text);
	fflush(stdout);
}

static void bad(const char *what)
{
	printf("bad: %s: %s\n", what, mtcp_error());
	exit(1);
}

static void *count(void *number)
{
	_Atomic unsigned long *own = number;

	for (;;) {
		(*own)++;
		usleep(200);
	}
	return NULL;
}

static void before(void *context)
{
	*(int *)context += 1;
	befores++;
}

static void after(void *context, int result)
{
	(void)context;
	(void)result;
	afters++;
}

static void restarted(void *context)
{
	(void)context;
	restarts++;
}

static void on_child(int number)
{
	(void)number;
	handled_children++;
}

/* Both threads go on counting. */
static void check_threads(void)
{
	unsigned long was[2] = { counted[0], counted[1] };

	for (int i = 0; i < LIMIT_S * 100; i++) {
		if (counted[0] > was[0] && counted[1] > was[1])
			return;
		usleep(10000);
	}
	bad("a thread does not run");
}

static void check(const char *mode)
{
	struct mtcp_status status;

	check_threads();
	if (handled_children || (waitpid(-1, NULL, WNOHANG | __WALL) != -1 || errno != ECHILD))
		bad("the checkpoint was seen as a child");
	if (mtcp_get_status(&status) || status.failures)
		bad("status");
	if ((int)status.restarts != restarts || befores != afters + restarts)
		bad("hooks");
	if (!strcmp(mode, "now") && status.checkpoints != 1)
		bad("number of checkpoints");
}

static void wait_for_restart(const char *mode)
{
	int seen = 0;

	say("ready");
	for (int i = 0; i < LIMIT_S * 100 && !restarts; i++) {
		usleep(10000);
		if (afters > seen)
			say("checkpoint");
		seen = afters;
	}
	if (!restarts)
		bad("no restart");
	check(mode);
}

static void *ask_thrice(void *context)
{
	(void)context;
	for (int i = 0; i < 3; i++) {
		int ret = mtcp_checkpoint();

		if (ret != MTCP_AFTER_CHECKPOINT && ret != MTCP_AFTER_RESTART)
			bad("mtcp_checkpoint");
	}
	return NULL;
}

static void *keep_out(void *context)
{
	(void)context;
	for (int i = 0; i < 50; i++) {
		if (mtcp_disable() || mtcp_disable())
			bad("mtcp_disable");
		usleep(1000);
		if (mtcp_enable() || mtcp_enable())
			bad("mtcp_enable");
		usleep(5000);
	}
	return NULL;
}

static void ask_together(void)
{
	struct mtcp_status status;
	pthread_t threads[5];

	for (int i = 0; i < 5; i++)
		pthread_create(&threads[i], NULL, i < 3 ? ask_thrice : keep_out, NULL);
	for (int i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	mtcp_get_status(&status);
	if (status.checkpoints != 9 || status.failures || status.restarts != (uint32_t)restarts)
		bad("number of checkpoints");
	say(restarts ? "restarted" : "checkpoint");
	check("together");
}

/* Each reason has to be told, and the next checkpoint must work. */
static void fail_each_way(const char *image)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s.missing/job", image);
	if (mtcp_init(path, 0) || mtcp_checkpoint() != -ENOENT || !*mtcp_error())
		bad("a missing directory");
	printf("told: %s\n", mtcp_error());
	if (mtcp_init("/dev/full/job", 0) || mtcp_checkpoint() >= 0 || !*mtcp_error())
		bad("no directory");
	printf("told: %s\n", mtcp_error());
	if (mtcp_init("", 0) != -EINVAL)
		bad("no name");
	setenv("DMTCP_ENGINE", "/nonexistent/dmtcp_engine", 1);
	if (mtcp_init(image, 0) || mtcp_checkpoint() != -ENOENT || !*mtcp_error())
		bad("a missing engine");
	printf("told: %s\n", mtcp_error());
	setenv("DMTCP_ENGINE", "/bin/true", 1);
	if (mtcp_checkpoint() != -EIO || !*mtcp_error())
		bad("an engine that ends");
	printf("told: %s\n", mtcp_error());
	unsetenv("DMTCP_ENGINE");
	/* Absent where nothing could be mounted. */
	if (!access(getenv("FULL_DIRECTORY"), F_OK)) {
		snprintf(path, sizeof(path), "%s/job", getenv("FULL_DIRECTORY"));
		if (mtcp_init(path, 0) || mtcp_checkpoint() != -ENOSPC)
			bad("a full disk");
		printf("told: %s\n", mtcp_error());
	}
	if (mtcp_disable() || mtcp_checkpoint() != -EDEADLK || mtcp_enable() ||
	    mtcp_enable() != -EPERM)
		bad("disabled");
}

int main(int argc, char **argv)
{
	static int called;
	struct mtcp_hooks hooks = { before, after, restarted, &called };
	const char *mode = argc > 2 ? argv[2] : "now";
	pthread_t thread;
	int ret;

	signal(SIGCHLD, on_child);
	alarm(2 * LIMIT_S);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread, NULL, count, (void *)&counted[i]);
	if (!strcmp(mode, "failing"))
		fail_each_way(argv[1]);
	if (mtcp_set_hooks(&hooks) || mtcp_init(argv[1], !strcmp(mode, "clock")) < 0)
		bad("mtcp_init");
	if (!strcmp(mode, "signal") && mtcp_set_signal(SIGUSR1))
		bad("mtcp_set_signal");
	if (!strcmp(mode, "together")) {
		ask_together();
	} else if (!strcmp(mode, "clock") || !strcmp(mode, "signal")) {
		wait_for_restart(mode);
		say("restarted");
	} else {
		for (int i = 0; i < (strcmp(mode, "repeated") ? 1 : 5); i++) {
			struct mtcp_status status;

			ret = mtcp_checkpoint();
			if (ret < 0)
				bad("mtcp_checkpoint");
			mtcp_get_status(&status);
			printf("%s %d generation %llu\n", ret == MTCP_AFTER_RESTART ? "restarted" :
			       "checkpoint", i, (unsigned long long)status.generation);
			fflush(stdout);
			if (strcmp(mode, "failing"))
				check(mode);
			/* The one that goes on is ended by the test, in each round. */
			if (ret == MTCP_AFTER_CHECKPOINT && !strcmp(mode, "repeated"))
				pause();
		}
	}
	say("ok");
	return 0;
}
