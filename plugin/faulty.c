/*
 * A plugin that does what the variable FAULT says in the event FAULT_EVENT (PRECHECKPOINT); for the tests
 * of failures.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dmtcp.h"

static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static void hang(void)
{
	for (;;)
		pause();
}

static void deaf(void)
{
	block_all();
	hang();
}

/* Asks all the time for the signal that ends it. */
static void ask(void)
{
	struct sigaction action;

	for (;;)
		sigaction(SIGUSR2, NULL, &action);
}

static void crash(void)
{
	static volatile int *nowhere;

	*nowhere = 1;
}

static int deeper(volatile int *above)
{
	volatile int here[512];

	here[0] = *above + 1;
	return here[0] ? deeper(here) + here[0] : 0;
}

static void overflow(void)
{
	volatile int first = 0;

	deeper(&first);
}

static void leave(void)
{
	exit(3);
}

static void leave_thread(void)
{
	pthread_exit(NULL);
}

static void execute(void)
{
	execlp("true", "true", NULL);
}

static void end_by_signal(void)
{
	raise(SIGTERM);
	raise(SIGSEGV);
}

/* A lock that a thread which stands still holds for good: as that of malloc(3) may be. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *hold(void *unused)
{
	pthread_mutex_lock(&lock);
	for (;;)
		pause();
	return unused;
}

static void wait_for_lock(void)
{
	pthread_mutex_lock(&lock);
}

/* Which the others do not come to. */
static void wait_for_others(void)
{
	dmtcp_global_barrier("nobody else comes");
}

/* What follows lets the hook return, but not as it came. */

/* Its own, those of the library and those of the program. */
static void close_all(void)
{
	syscall(SYS_close_range, 3, ~0u, 0);
}

/* Into an earlier call of the hook, which has returned. */
static sigjmp_buf earlier;

static void jump_back(void)
{
	siglongjmp(earlier, 1);
}

/* These are no faults: the hook goes on. */

static void jump(void)
{
	static sigjmp_buf back;

	if (!sigsetjmp(back, 1))
		siglongjmp(back, 1);
}

static void say(int fine, const char *what)
{
	dprintf(STDERR_FILENO, "%s %s\n", fine ? "fine" : "wrong", what);
}

static void have_child(void)
{
	int status = -1;
	pid_t child = fork();

	if (!child)
		exit(7);
	say(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7,
	    "child");
}

static void have_command(void)
{
	int status = system("exit 7");

	say(WIFEXITED(status) && WEXITSTATUS(status) == 7, "command");
}

static void checkpoint(void)
{
	int ret = dmtcp_checkpoint();

	say(ret == 0 && errno == EDEADLK, "checkpoint");
}

static const struct {
	const char *name;
	void (*commit)(void);
} faults[] = {
	{ "crash", crash },	    { "overflow", overflow },	{ "abort", abort },
	{ "exit", leave },	    { "thread", leave_thread }, { "exec", execute },
	{ "raise", end_by_signal }, { "hang", hang },		{ "deaf", deaf },
	{ "ask", ask },		    { "jump", jump },		{ "child", have_child },
	{ "command", have_command }, { "checkpoint", checkpoint }, { "lock", wait_for_lock },
	{ "mask", block_all },	    { "close", close_all },	{ "back", jump_back },
	{ "barrier", wait_for_others },
};

static const struct {
	const char *name;
	DmtcpEvent_t event;
} events[] = {
	{ "PRESUSPEND", DMTCP_EVENT_PRESUSPEND }, { "RESUME", DMTCP_EVENT_RESUME },
	{ "RESTART", DMTCP_EVENT_RESTART },	  { "RUNNING", DMTCP_EVENT_RUNNING },
	{ "THREAD_RESUME", DMTCP_EVENT_THREAD_RESUME },
};

static DmtcpEvent_t chosen(void)
{
	const char *name = getenv("FAULT_EVENT");

	for (size_t i = 0; name && i < sizeof(events) / sizeof(events[0]); i++)
		if (!strcmp(name, events[i].name))
			return events[i].event;
	return DMTCP_EVENT_PRECHECKPOINT;
}

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	const char *fault = getenv("FAULT");
	pthread_t holder;

	(void)data;
	if (event == DMTCP_EVENT_INIT && fault && !strcmp(fault, "lock"))
		pthread_create(&holder, NULL, hold, NULL);
	if (event == DMTCP_EVENT_PRESUSPEND && fault && !strcmp(fault, "back") && sigsetjmp(earlier, 1))
		return;
	if (event == DMTCP_EVENT_RESUME)
		dprintf(STDERR_FILENO, "resumed\n");
	if (event == DMTCP_EVENT_PRESUSPEND && fault && !strcmp(fault, "slow"))
		sleep(1); /* the program runs beside it */
	if (event != chosen() || !fault)
		return;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (!strcmp(fault, faults[i].name))
			faults[i].commit();
}

static DmtcpPluginDescriptor_t faulty = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "faulty", "dmtcp-akka", "", "fails", on_event,
};

DMTCP_DECL_PLUGIN(faulty)
