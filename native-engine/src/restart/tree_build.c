#include "tree_build.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/membership.h"
#include "holder.h"
#include "inheritance.h"

#define STAGE_TIMEOUT_MS 60000
#define REAP_TIMEOUT_MS 10000
#define LATE_STACK_BYTES (256u << 10)

/* @pid 0: any number. Returns as fork(2), or -errno. */
static pid_t clone_process(pid_t pid, int exit_signal, unsigned long flags)
{
	struct clone_args args = { .flags = flags, .exit_signal = exit_signal };
	long ret;

	if (pid) {
		args.set_tid = (uintptr_t)&pid;
		args.set_tid_size = 1;
	}
	ret = syscall(SYS_clone3, &args, sizeof(args));
	return ret < 0 ? -errno : ret;
}

/*
 * As clone_process(). The page tables of what is inherited take memory: where there is too little of
 * it, we and those whom we make from now on do without.
 */
static pid_t clone_heir(struct tree_build *b, pid_t pid, int exit_signal, unsigned long flags)
{
	pid_t made = clone_process(pid, exit_signal, flags);

	if (made != -ENOMEM || !b->rebuild->inherited)
		return made;
	inheritance_release(b->rebuild);
	return clone_process(pid, exit_signal, flags);
}

static void __attribute__((noreturn)) stand(void)
{
	for (;;)
		pause(); /* all signals are blocked */
}

static void __attribute__((noreturn)) fail(struct tree_build *b, int error, struct fault *fault)
{
	board_fail(b->board, error, fault);
	stand();
}

static void __attribute__((noreturn)) run_node(struct tree_build *b, int index);
static void __attribute__((noreturn)) run_member(struct tree_build *b, int index);

static int create(struct tree_build *b, int index, struct fault *fault)
{
	struct tree_node *node = &b->tree->nodes[index];
	int exit_signal = node->image < 0 ? SIGCHLD : node->exit_signal;
	pid_t pid;

	inheritance_hold_back(b->rebuild, index);
	/* With CLONE_PARENT the kernel takes that of the creator, which has the same parent. */
	if (node->sibling)
		pid = clone_heir(b, node->pid, 0, node->shares | CLONE_PARENT);
	else
		pid = clone_heir(b, node->pid, exit_signal, node->shares);
	if (pid == 0)
		run_node(b, index);
	inheritance_hand_out(b->rebuild, index);
	if (pid == -EEXIST)
		return fault_set(fault, EEXIST, "pid-taken",
				 "process number %d is taken in the new pid namespace", node->pid);
	if (pid < 0)
		return fault_set(fault, -pid, pid == -EAGAIN ? "too-many-processes" : "internal",
				 "process %d cannot be created: %s", node->pid, strerror(-pid));
	b->board->places[index].pid = pid;
	return 0;
}

/* By way of a process that ends at once: the kernel then finds the new parent. */
static int create_orphan(struct tree_build *b, int index, struct fault *fault)
{
	pid_t between;

	inheritance_hold_back(b->rebuild, index);
	between = clone_heir(b, 0, 0, 0);
	if (between == 0) {
		int ret = create(b, index, fault);

		if (ret < 0)
			board_fail(b->board, ret, fault);
		_exit(0);
	}
	inheritance_hand_out(b->rebuild, index);
	if (between < 0)
		return fault_set(fault, -between, "too-many-processes",
				 "no process to make %d an orphan: %s", b->tree->nodes[index].pid,
				 strerror(-between));
	while (waitpid(between, NULL, __WALL) < 0 && errno == EINTR)
		;
	return 0;
}

static int create_children(struct tree_build *b, int creator, bool before_session,
			   struct fault *fault)
{
	int ret = 0;

	/* Orphans last: those who adopt them are children made before. */
	for (int orphans = 0; ret == 0 && orphans <= 1; orphans++) {
		for (size_t i = 0; ret == 0 && i < b->tree->count; i++) {
			struct tree_node *node = &b->tree->nodes[i];

			if (node->creator != creator || node->before_session != before_session ||
			    node->orphan != orphans || node->late)
				continue;
			ret = orphans ? create_orphan(b, i, fault) : create(b, i, fault);
		}
	}
	return ret;
}

static int call_failed(struct fault *fault, pid_t pid, const char *what)
{
	int error = errno;

	return fault_set(fault, error, "internal", "process %d: %s: %s", pid, what,
			 strerror(error));
}

/* The leader of a session takes the terminal that the session had. */
static int take_terminal(struct tree_build *b, struct tree_node *node, struct fault *fault)
{
	int fd = node->terminal ? rebuild_terminal(b->rebuild, node->terminal) : -1;

	if (fd < 0)
		return 0;
	/* EPERM: another session of the images was faster. It stays without, like a daemon. */
	if (ioctl(fd, TIOCSCTTY, 0) && errno != EPERM)
		return call_failed(fault, node->pid, "controlling terminal");
	return 0;
}

static bool group_has_member(const struct tree *t, pid_t group)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->nodes[i].image >= 0 && !t->nodes[i].zombie && t->nodes[i].group == group)
			return true;
	return false;
}

/*
 * The foreground group as it was. Where it was somebody else's, such as the shell's (the program
 * had been put into the background), the program gets the foreground of this new terminal: there is
 * nobody else, and Ctrl-C must reach it.
 */
static void set_foreground(struct tree_build *b, struct tree_node *node)
{
	const struct tree_node *root = &b->tree->nodes[b->tree->root];
	int fd = node->terminal ? rebuild_terminal(b->rebuild, node->terminal) : -1;
	pid_t group = node->foreground_group;

	if (fd < 0)
		return;
	if (!group_has_member(b->tree, group) && root->session == node->pid)
		group = root->group;
	if (group > 0)
		tcsetpgrp(fd, group); /* a group without processes: the terminal stays with us */
}

static void reap_dying(struct tree_build *b, int parent)
{
	for (size_t i = 0; i < b->tree->count; i++)
		if (b->tree->nodes[i].dies && b->tree->nodes[i].parent == parent)
			while (waitpid(b->tree->nodes[i].pid, NULL, __WALL) < 0 && errno == EINTR)
				;
}

/*
 * What lies outside of the pid namespace reads as 0 (pid_namespaces(7)); in a plan it is 1, that of
 * the builder.
 */
static pid_t planned(pid_t number)
{
	return number ? number : 1;
}

static int check_ids(struct tree_build *b, const struct tree_node *node, struct fault *fault)
{
	pid_t parent = tree_pid(b->tree, node->parent);

	if (getppid() != parent)
		return fault_set(fault, EINVAL, "tree-not-possible",
				 "process %d has parent %d instead of %d", node->pid, getppid(),
				 parent);
	if (planned(getsid(0)) != node->session || planned(getpgrp()) != node->group)
		return fault_set(fault, EINVAL, "tree-not-possible",
				 "process %d is in session %d, group %d instead of %d, %d",
				 node->pid, getsid(0), getpgrp(), node->session, node->group);
	return 0;
}

/* Session, group, children: until everything that is in a parent's and a leader's hand is done. */
static int find_place(struct tree_build *b, int index, struct fault *fault)
{
	struct tree_node *node = &b->tree->nodes[index];
	int ret;

	if (prctl(PR_SET_CHILD_SUBREAPER, node->adopts, 0, 0, 0))
		return call_failed(fault, node->pid, "subreaper");
	ret = create_children(b, index, true, fault);
	if (ret < 0)
		return ret;
	if (node->leads_session) {
		if (setsid() < 0)
			return call_failed(fault, node->pid, "setsid");
		ret = take_terminal(b, node, fault);
		if (ret < 0)
			return ret;
	} else if ((node->leads_group || node->group == node->pid) && setpgid(0, 0)) {
		return call_failed(fault, node->pid, "process group");
	}
	ret = create_children(b, index, false, fault);
	if (ret < 0)
		return ret;
	b->board->places[index].without = !b->rebuild->inherited;
	board_arrive(b->board, index, BOARD_CREATED);
	board_wait(b->board, BOARD_CREATED);

	if (!node->leads_session && !node->leads_group && planned(getpgrp()) != node->group &&
	    setpgid(0, node->group))
		return call_failed(fault, node->pid, "process group");
	board_arrive(b->board, index, BOARD_JOINED);
	board_wait(b->board, BOARD_JOINED);

	/* One that gave a group its number and then went to another one. */
	if (node->leads_group && planned(getpgrp()) != node->group && setpgid(0, node->group))
		return call_failed(fault, node->pid, "process group");
	if (node->leads_session)
		set_foreground(b, node);
	if (node->dies) {
		b->board->places[index].done = 1;
		_exit(0);
	}
	reap_dying(b, index);
	board_arrive(b->board, index, BOARD_SETTLED);
	board_wait(b->board, BOARD_SETTLED);
	return 0;
}

static void __attribute__((noreturn)) end_as_zombie(struct tree_build *b, int index)
{
	int status = b->tree->nodes[index].exit_status;
	struct rlimit none = { 0, 0 };
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t signals;

	/* Nothing else tells its name from now on: the next checkpoint has it from here. */
	prctl(PR_SET_NAME, b->rebuild->images[b->tree->nodes[index].image]->header.program);
	b->board->places[index].done = 1;
	if (WIFSIGNALED(status)) {
		setrlimit(RLIMIT_CORE, &none);
		sigaction(WTERMSIG(status), &standard, NULL);
		sigemptyset(&signals);
		sigaddset(&signals, WTERMSIG(status));
		kill(getpid(), WTERMSIG(status));
		sigprocmask(SIG_UNBLOCK, &signals, NULL);
	}
	_exit(WEXITSTATUS(status));
}

/* What the making of the tree has left in the queue was not meant for the program. */
static void discard_signals(void)
{
	const struct timespec now = { 0 };
	sigset_t all;

	sigfillset(&all);
	while (sigtimedwait(&all, NULL, &now) > 0)
		;
}

struct late_start {
	struct tree_build *build;
	int index;
};

static void run_late(void *context)
{
	struct late_start *start = context;

	run_member(start->build, start->index);
}

/*
 * As clone_process() for a child on its creator's memory: it begins in @run(@context) on the stack
 * of @args and never returns.
 */
static long clone_on_stack(struct clone_args *args, void (*run)(void *), void *context)
{
	long ret = SYS_clone3;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %[context], %%rdi\n\t"
			 "call *%[run]\n\t"
			 "ud2\n"
			 "1:"
			 : "+a"(ret)
			 : "D"(args), "S"(sizeof(*args)), [run] "r"(run), [context] "r"(context)
			 : "rcx", "r11", "memory", "cc");
	return ret;
}

/*
 * Those who share our memory run our code in it, on our thread-local storage: one after the other,
 * and while we wait.
 */
static int create_late(struct tree_build *b, int creator, struct fault *fault)
{
	for (size_t i = 0; i < b->tree->count; i++) {
		struct tree_node *node = &b->tree->nodes[i];
		struct late_start start = { b, i };
		struct clone_args args = {
			.flags = node->shares | (node->sibling ? CLONE_PARENT : 0),
			.exit_signal = node->sibling ? 0 : node->exit_signal,
			.set_tid = (uintptr_t)&node->pid,
			.set_tid_size = 1,
			.stack_size = LATE_STACK_BYTES,
		};
		void *stack;
		long pid;

		if (node->creator != creator || !node->late)
			continue;
		stack = mmap(NULL, LATE_STACK_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (stack == MAP_FAILED)
			return fault_set(fault, ENOMEM, "out-of-memory", "process %d", node->pid);
		args.stack = (uintptr_t)stack;
		pid = clone_on_stack(&args, run_late, &start);
		if (pid < 0)
			return fault_set(fault, -pid, pid == -EEXIST ? "pid-taken" : "internal",
					 "process %d cannot be created: %s", node->pid,
					 strerror(-pid));
		b->board->places[i].pid = pid;
		board_wait_for(b->board, i, BOARD_STANDING);
	}
	return 0;
}

static void __attribute__((noreturn)) run_member(struct tree_build *b, int index)
{
	struct tree_node *node = &b->tree->nodes[index];
	struct fault fault = { 0 };
	struct rebuilt_process p = {
		.rebuild = b->rebuild,
		.image = b->rebuild->images[node->image],
		.records = &b->rebuild->images[node->image]->records,
		.shares_memory = node->shares & CLONE_VM,
		.shares_files = node->shares & CLONE_FILES,
		.fault = &fault,
	};
	int ret = 0;

	if (node->late && planned(getpgrp()) != node->group && setpgid(0, node->group))
		ret = call_failed(&fault, node->pid, "process group");
	if (ret == 0)
		ret = check_ids(b, node, &fault);
	if (ret < 0)
		fail(b, ret, &fault);
	/* The descriptors are ours too: what we open in between must not be in the way. */
	if (p.shares_files && !node->late)
		board_wait_for(b->board, node->creator, BOARD_STANDING);
	if (node->zombie)
		end_as_zombie(b, index);
	for (const struct resource *const *r = resource_table; *r; r++) {
		if (!(*r)->restore_inside)
			continue;
		ret = (*r)->restore_inside(&p);
		if (ret < 0) {
			fault_set(&fault, -ret, "internal", "process %d: %s: %s", node->pid,
				  (*r)->name, strerror(-ret));
			fail(b, ret, &fault);
		}
	}
	ret = create_late(b, index, &fault);
	if (ret < 0)
		fail(b, ret, &fault);
	for (size_t i = 0; i < b->tree->count; i++)
		if (b->tree->nodes[i].zombie && b->tree->nodes[i].parent == index)
			while (waitid(P_PID, b->tree->nodes[i].pid, NULL,
				      WEXITED | WNOWAIT | __WALL) < 0 && errno == EINTR)
				;
	discard_signals();
	board_arrive(b->board, index, BOARD_STANDING);
	stand();
}

static void __attribute__((noreturn)) run_node(struct tree_build *b, int index)
{
	struct tree_node *node = &b->tree->nodes[index];
	struct fault fault = { 0 };
	int ret;

	prctl(PR_SET_NAME, node->image < 0 ? HOLDER_NAME : "dmtcp_member");
	ret = find_place(b, index, &fault);
	if (ret < 0)
		fail(b, ret, &fault);
	if (node->image >= 0)
		run_member(b, index);
	/* It stays as long as the computation, and needs nothing of this. */
	inheritance_release(b->rebuild);
	for (size_t i = 0; i < b->rebuild->image_count; i++)
		image_reader_close(b->rebuild->images[i]);
	malloc_trim(0);
	board_arrive(b->board, index, BOARD_STANDING);
	holder_run(b->report_fd);
}

/* Process 1 has its own children that were made only for a while. */
static int reap_own_dying(struct tree_build *b, struct fault *fault)
{
	for (size_t i = 0; i < b->tree->count; i++) {
		struct tree_node *node = &b->tree->nodes[i];
		struct pollfd ended = { .events = POLLIN };
		int ready;

		if (!node->dies || node->parent != TREE_BUILDER)
			continue;
		ended.fd = syscall(SYS_pidfd_open, node->pid, 0);
		if (ended.fd < 0)
			continue;
		ready = poll(&ended, 1, REAP_TIMEOUT_MS);
		close(ended.fd);
		if (ready <= 0)
			return fault_set(fault, ETIMEDOUT, "internal",
					 "placeholder %d does not end", node->pid);
		waitpid(node->pid, NULL, __WALL);
	}
	return 0;
}

/* Those who had too little memory for it. */
static void leave_out(struct tree_build *b)
{
	for (size_t i = 0; i < b->tree->count; i++)
		if (b->board->places[i].without && b->tree->nodes[i].image >= 0)
			inheritance_leave_out(b->rebuild, b->tree->nodes[i].image);
}

int tree_build(struct tree_build *b, struct fault *fault)
{
	uint32_t limit_ms = STAGE_TIMEOUT_MS + inheritance_copy_ms(b->rebuild, b->tree);
	size_t dying = 0, zombies = 0, late = 0, all;
	int ret;

	for (size_t i = 0; i < b->tree->count; i++) {
		dying += b->tree->nodes[i].dies;
		zombies += b->tree->nodes[i].zombie;
		late += b->tree->nodes[i].late;
	}
	all = b->tree->count - late;
	ret = create_children(b, TREE_BUILDER, false, fault);
	if (ret == 0)
		ret = board_await(b->board, BOARD_CREATED, all, limit_ms, fault);
	if (ret < 0)
		return ret;
	leave_out(b);
	board_open(b->board, BOARD_CREATED);
	ret = board_await(b->board, BOARD_JOINED, all, limit_ms, fault);
	if (ret < 0)
		return ret;
	board_open(b->board, BOARD_JOINED);
	ret = board_await(b->board, BOARD_SETTLED, all - dying, limit_ms, fault);
	if (ret == 0)
		ret = reap_own_dying(b, fault);
	if (ret < 0)
		return ret;
	board_open(b->board, BOARD_SETTLED);
	return board_await(b->board, BOARD_STANDING, all + late - dying - zombies,
			   limit_ms, fault);
}
