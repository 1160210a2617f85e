#include "helper.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent_path.h"
#include "area.h"
#include "choices.h"
#include "contain.h"
#include "forks.h"
#include "gate.h"
#include "link.h"
#include "modify_env.h"
#include "pathvirt.h"
#include "per_thread.h"
#include "plugins.h"
#include "restart_environment.h"
#include "thread_resume.h"

#define SOCKET_VARIABLE "DMTCP_AGENT_SOCKET"
#define EXEC_VARIABLE "DMTCP_EXEC_FD"
#define ATTACH_MS 10000
#define START_MS 5000
#define AGAIN_MS 200 /* to an agent that has gone and may come back */
#define STDIO_MS 100
#define HOOK_MS 40000

struct plugin_area plugin_area = {
	.magic = PLUGIN_AREA_MAGIC,
	.links = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 },
};
struct helper_facts helper_facts;

static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
static bool running, atfork_known;
static int event_link = -1; /* the helper's own connection */

static void sleep_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000l };

	nanosleep(&t, NULL);
}

/* ---- attaching ---- */

static int64_t pid_namespace(void)
{
	struct stat status;

	return stat("/proc/self/ns/pid", &status) ? 0 : (int64_t)status.st_ino;
}

/* 0: attached, over event_link. */
static int attach(void)
{
	struct helper_facts *f = &helper_facts;
	struct text fields = { 0 }, answer = { 0 };
	int ret;

	link_close(event_link);
	event_link = link_open();
	if (event_link < 0)
		return event_link;
	text_number(&fields, "pid", getpid());
	text_number(&fields, "pidNamespace", pid_namespace());
	text_number(&fields, "area", (int64_t)(uintptr_t)&plugin_area);
	ret = link_ask(event_link, "plugin-attach", &fields, &answer, ATTACH_MS);
	if (!ret) {
		answer_text(&answer, "uniquePid", f->unique_pid, sizeof(f->unique_pid));
		answer_text(&answer, "computationId", f->computation_id, sizeof(f->computation_id));
		answer_text(&answer, "coordinatorHost", f->coordinator_host,
			    sizeof(f->coordinator_host));
		answer_text(&answer, "checkpointDir", f->checkpoint_dir,
			    sizeof(f->checkpoint_dir));
		f->coordinator_port = answer_number(&answer, "coordinatorPort", 0);
		f->coordinator_time = answer_number(&answer, "coordinatorTime", 0);
		f->generation = answer_number(&answer, "generation", f->generation);
		f->signal = answer_number(&answer, "signal", 0);
		f->open_files = answer_flag(&answer, "openFiles");
		f->allow_overwrite = answer_flag(&answer, "allowOverwrite");
		__atomic_store_n(&f->attachment, answer_number(&answer, "attachment", 0),
				 __ATOMIC_RELEASE);
	} else {
		link_close(event_link);
		event_link = -1;
	}
	text_free(&fields);
	text_free(&answer);
	return ret;
}

void helper_attach_early(void)
{
	attach();
}

/* ---- while the threads of the program stand still ---- */

/*
 * One of them may stand still while it prints: hooks print too. Locks of the C library that the helper
 * holds itself cannot be in its way.
 */
static bool locked_streams[2];

static void lock_streams(void)
{
	FILE *streams[2] = { stdout, stderr };

	for (int i = 0; i < 2; i++) {
		for (int waited = 0; waited < STDIO_MS && !locked_streams[i]; waited++) {
			locked_streams[i] = !ftrylockfile(streams[i]);
			if (!locked_streams[i])
				sleep_ms(1);
		}
	}
}

static void unlock_streams(void)
{
	FILE *streams[2] = { stdout, stderr };

	for (int i = 0; i < 2; i++) {
		if (locked_streams[i])
			funlockfile(streams[i]);
		locked_streams[i] = false;
	}
}

/* ---- a round ---- */

static bool round_open; /* PRESUSPEND was raised: RESUME is due */

/* Of one hook: before the agent, or the builder of a restart, gives up. */
static unsigned int hook_limit_ms = HOOK_MS;

static bool raise_event(DmtcpEvent_t event, char *failure, size_t bytes)
{
	failure[0] = 0;
	return plugins_raise_contained(event, hook_limit_ms, failure, bytes);
}

static void on_presuspend(const struct text *order, char *failure, size_t bytes)
{
	uint32_t limit_ms = answer_number(order, "limitMs", 10000);

	helper_facts.helpers = helper_facts.local_helpers = 0;
	helper_facts.state = HELPER_PENDING;
	round_open = true;
	if (!raise_event(DMTCP_EVENT_PRESUSPEND, failure, bytes))
		return;
	if (!gate_close(limit_ms - limit_ms / 8))
		snprintf(failure, bytes, "a thread has forbidden checkpoints (dmtcp_disable_ckpt) and "
			 "has not allowed them again");
	lock_streams();
}

static void on_precheckpoint(const struct text *order, char *failure, size_t bytes)
{
	helper_facts.state = HELPER_SUSPENDED;
	helper_facts.generation = answer_number(order, "generation", helper_facts.generation);
	helper_facts.helpers = answer_number(order, "helpers", 0);
	helper_facts.local_helpers = answer_number(order, "localHelpers", 0);
	if (raise_event(DMTCP_EVENT_PRECHECKPOINT, failure, bytes))
		choices_ask(hook_limit_ms, failure, bytes);
}

/* @done: images are taken; else the round was given up. */
static void on_resume(bool done, char *failure, size_t bytes)
{
	failure[0] = 0;
	helper_facts.checkpoints += done;
	if (round_open)
		raise_event(DMTCP_EVENT_RESUME, failure, bytes);
	round_open = false;
}

static void on_running(void)
{
	char ignored[PLUGIN_FAILURE_BYTES];

	unlock_streams();
	helper_facts.helpers = helper_facts.local_helpers = 0;
	helper_facts.state = HELPER_RUNNING;
	gate_open();
	raise_event(DMTCP_EVENT_RUNNING, ignored, sizeof(ignored));
}

/* ---- a restart: no other thread of this process runs before hooks_done is set ---- */

static void on_restart(void)
{
	char failure[PLUGIN_FAILURE_BYTES];
	uint32_t now = plugin_area.restarts;

	hook_limit_ms = HOOK_MS;
	helper_facts.restarts = now;
	helper_facts.attachment = 0;
	helper_facts.state = HELPER_SUSPENDED;
	helper_facts.local_helpers = plugin_area.local_helpers;
	round_open = false;
	restart_environment_take(&plugin_area);
	link_set_path(restart_environment(SOCKET_VARIABLE));
	link_close(event_link);
	event_link = -1;
	attach(); /* without a coordinator: hooks that need none can work */
	if (modify_env_wanted())
		modify_env(helper_facts.checkpoint_dir);
	pathvirt_restarted();
	if (raise_event(DMTCP_EVENT_RESTART, failure, sizeof(failure)))
		choices_move_files(hook_limit_ms, failure, sizeof(failure));
	memcpy(plugin_area.failure, failure, sizeof(plugin_area.failure));
	thread_resume_prepare();
	__atomic_store_n(&plugin_area.hooks_done, now, __ATOMIC_SEQ_CST);
	thread_resume_finish();
	raise_event(DMTCP_EVENT_THREAD_RESUME, failure, sizeof(failure));
	on_running();
}

static bool is_restarted(void)
{
	return __atomic_load_n(&plugin_area.restarts, __ATOMIC_SEQ_CST) != helper_facts.restarts;
}

/* The agent has gone, and with it the round. */
static void on_loss(void)
{
	char ignored[PLUGIN_FAILURE_BYTES];

	helper_facts.attachment = 0;
	link_close(event_link);
	event_link = -1;
	if (helper_facts.state != HELPER_RUNNING) {
		on_resume(false, ignored, sizeof(ignored));
		on_running();
	}
}

/* ---- the thread ---- */

struct report { /* of the event that was raised last */
	char event[32], round[64], failure[PLUGIN_FAILURE_BYTES];
};

static int next_event(const struct report *done, struct text *order)
{
	struct text fields = { 0 };
	int ret;

	text_number(&fields, "attachment", helper_facts.attachment);
	text_number(&fields, "tid", syscall(SYS_gettid));
	if (done->event[0]) {
		text_field(&fields, "done", done->event);
		text_field(&fields, "round", done->round);
	}
	if (done->failure[0])
		text_field(&fields, "failure", done->failure);
	ret = link_ask(event_link, "plugin-next", &fields, order, 0);
	text_free(&fields);
	return ret;
}

static void serve(const struct text *order, struct report *done)
{
	done->failure[0] = 0;
	hook_limit_ms = answer_number(order, "limitMs", HOOK_MS) / 8 * 7;
	if (!answer_text(order, "event", done->event, sizeof(done->event)) ||
	    !answer_text(order, "round", done->round, sizeof(done->round)))
		return;
	if (!strcmp(done->event, "presuspend"))
		on_presuspend(order, done->failure, sizeof(done->failure));
	else if (!strcmp(done->event, "precheckpoint"))
		on_precheckpoint(order, done->failure, sizeof(done->failure));
	else if (!strcmp(done->event, "resume"))
		on_resume(answer_flag(order, "taken"), done->failure, sizeof(done->failure));
	else if (!strcmp(done->event, "running"))
		on_running();
}

/* Its own arena: a thread that stands still in malloc() is not in the way of hooks that allocate. */
static void take_an_arena(void)
{
	free(malloc(1));
}

/* A hook that has used up its stack is told so on another one: sigaltstack(2). */
static void take_a_signal_stack(void)
{
	static char room[64 << 10]; /* more than any frame: 11 KiB with AMX */
	const stack_t own = { .ss_sp = room, .ss_size = sizeof(room) };

	sigaltstack(&own, NULL);
}

static void *helper_main(void *unused)
{
	struct report done = { 0 };
	struct text order = { 0 };

	(void)unused;
	take_a_signal_stack();
	take_an_arena();
	on_running();
	for (;;) {
		if (is_restarted()) {
			done = (struct report){ 0 };
			on_restart();
		}
		if (event_link < 0 && attach() < 0) {
			sleep_ms(AGAIN_MS);
			agent_path_look(); /* a restart that knew nothing of us may have moved it */
			continue;
		}
		if (!next_event(&done, &order)) {
			serve(&order, &done);
			continue;
		}
		done = (struct report){ 0 };
		if (!is_restarted())
			on_loss();
		text_free(&order);
	}
	return NULL;
}

/* All signals are the program's; only what a hook does wrong comes to this thread. */
static int create_thread(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP };
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	sigset_t mask, before;
	pthread_attr_t attributes;
	pthread_t thread;
	int ret;

	sigfillset(&mask);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&mask, faults[i]);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &mask, &before);
	*(void **)&create = dlsym(RTLD_NEXT, "pthread_create"); /* no thread that plugins hear of */
	ret = create ? create(&thread, &attributes, helper_main, NULL) : ENOSYS;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return ret;
}

/* The child has no helper, and what it has of the parent's connections is not its own. */
static void after_fork_in_child(void)
{
	bool of_hook = contain_is_running(); /* then nobody can attend to it now */

	link_forget_all();
	event_link = -1;
	memset(&plugin_area.restarts, 0, sizeof(plugin_area.restarts));
	plugin_area.hooks_done = 0;
	helper_facts.attachment = 0;
	helper_facts.checkpoints = helper_facts.restarts = 0;
	helper_facts.state = HELPER_RUNNING;
	round_open = false;
	memset(locked_streams, 0, sizeof(locked_streams));
	gate_after_fork();
	contain_after_fork();
	pthread_mutex_init(&starting, NULL);
	running = false;
	plugins_raise(DMTCP_EVENT_ATFORK_CHILD, NULL);
	/* Hooks ask for the thread, too: that one, and those that it runs itself at once. */
	pthread_mutex_lock(&starting);
	if (!running) {
		if (!of_hook)
			attach();
		running = !create_thread();
	}
	pthread_mutex_unlock(&starting);
}

static void start(void)
{
	pthread_mutex_lock(&starting);
	if (!running && event_link < 0)
		agent_path_look();
	if (!running && link_path()[0]) { /* else nobody is there to talk to */
		if (!atfork_known)
			forks_know(after_fork_in_child);
		atfork_known = true;
		running = !create_thread();
	}
	pthread_mutex_unlock(&starting);
}

bool helper_start(void)
{
	start();
	for (int waited = 0; running && waited < START_MS &&
	     !__atomic_load_n(&helper_facts.attachment, __ATOMIC_ACQUIRE); waited++)
		sleep_ms(1);
	return helper_facts.attachment != 0;
}

/* ---- the beginning and the end of a program ---- */

/* Only who was executed by a program with plugins is told: wrappers/exec.c. */
static void raise_post_exec(void)
{
	const char *number = getenv(EXEC_VARIABLE);
	DmtcpEventData_t data;
	int fd;

	if (!number)
		return;
	fd = atoi(number);
	if (fd < 0)
		fd = memfd_create("dmtcp-exec", MFD_CLOEXEC); /* nothing: an empty one to read */
	data.postExec.serializationFd = fd;
	unsetenv(EXEC_VARIABLE);
	plugins_raise(DMTCP_EVENT_POST_EXEC, &data);
	syscall(SYS_close, fd); /* no plugin hears of it */
}

static void __attribute__((constructor(101))) begin(void)
{
	agent_path_begin();
	pathvirt_begin();
	dmtcp_initialize_plugin();
	if (!plugins_count() && !modify_env_wanted() && !pathvirt_wanted() && !choices_defined())
		return;
	per_thread_begin();
	helper_attach_early();
	raise_post_exec();
	plugins_raise(DMTCP_EVENT_INIT, NULL);
	start(); /* who was refused for now attaches when a checkpoint is over */
}

static void __attribute__((destructor(101))) end(void)
{
	if (plugins_count())
		plugins_raise(DMTCP_EVENT_EXIT, NULL);
}
