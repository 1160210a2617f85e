#include "builder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/membership.h"
#include "../common/proc.h"
#include "../descriptor/file_index.h"
#include "../descriptor/inet_met.h"
#include "../descriptor/pty_names.h"
#include "../resource/descriptors.h"
#include "../resource/records.h"
#include "../trace/wait.h"
#include "holder.h"
#include "hooks.h"
#include "inheritance.h"
#include "message.h"
#include "namespaces.h"
#include "supervisor.h"
#include "thaw.h"
#include "tree_build.h"

#define FRONT_TIMEOUT_MS 30000
#define FREEZE_TIMEOUT_MS 10000
#define LOWEST_RESERVED 64
#define PROGRESS_MS 250
#define CURRENT_PERSONALITY 0xffffffff
#define THROWS 3

struct builder {
	int control_fd;
	int report[2];   /* holders write to 1, the supervisor reads from 0 */
	int host_proc_fd; /* /proc of the front */
	struct terminal terminal; /* for the supervisor */
	int connections; /* table of what the front has connected, -1: none */
	struct rebuild rebuild;
	struct tree tree;
	struct process_record *records;
	struct process **processes; /* per image; NULL: a zombie */
	bool *rebuilt;
	bool quiet;
	/* For the front to tell; worker threads count. */
	pthread_mutex_t progress_lock;
	uint64_t used_bytes, told_ms;
	int in_work; /* number of the image */
	struct fault fault;
};

static void __attribute__((noreturn)) fail(struct builder *b, int error)
{
	struct message m = { .type = MESSAGE_FAILED };

	rebuild_remove_leftovers(&b->rebuild);
	fault_set(&b->fault, -error, "internal", "the builder failed: %s", strerror(-error));
	m.fault = b->fault;
	message_send(b->control_fd, &m);
	_exit(99); /* process 1: the kernel ends all others */
}

static void warn(void *context, const struct fault *warning)
{
	struct builder *b = context;
	struct message m = { .type = MESSAGE_WARNING, .fault = *warning };

	if (warning->id[0])
		message_send(b->control_fd, &m);
}

static void on_advanced(void *context, uint64_t bytes)
{
	struct builder *b = context;
	struct message m = { .type = MESSAGE_PROGRESS };
	uint64_t now_ms = monotonic_ns() / 1000000;
	bool tell;

	pthread_mutex_lock(&b->progress_lock);
	b->used_bytes += bytes;
	m.status = (int32_t)(b->used_bytes >> 20);
	m.code = b->in_work;
	tell = now_ms - b->told_ms >= PROGRESS_MS;
	if (tell)
		b->told_ms = now_ms;
	pthread_mutex_unlock(&b->progress_lock);
	if (tell)
		message_send(b->control_fd, &m);
}

/*
 * The descriptor takes the place of the front's, which it was opened through: two for every image
 * could pass the limit. It also has to pass an exec, see find_room().
 */
static int take_place(struct image_reader *image, int fd)
{
	if (dup2(image->fd, fd) < 0)
		return -errno;
	close(image->fd);
	image->fd = fd;
	return 0;
}

/* The images were opened and verified by the front; here its descriptors are read again. */
static int open_images(struct builder *b, int count, char *texts[])
{
	b->rebuild.images = calloc(count, sizeof(*b->rebuild.images));
	b->records = calloc(count, sizeof(*b->records));
	b->processes = calloc(count, sizeof(*b->processes));
	b->rebuilt = calloc(count, sizeof(*b->rebuilt));
	if (!b->rebuild.images || !b->records || !b->processes || !b->rebuilt)
		return fault_set(&b->fault, ENOMEM, "out-of-memory", "image table");
	for (int i = 0; i < count; i++) {
		char *colon = strchr(texts[i], ':'), path[64];
		struct image_reader *image;
		int fd = atoi(texts[i]), ret;

		if (!colon)
			return -EINVAL;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		/* Whose images are taken has been decided by the front. */
		ret = image_reader_open_any_owner(&image, path, &b->fault);
		if (ret < 0)
			return ret;
		ret = take_place(image, fd);
		if (ret < 0) {
			image_reader_close(image);
			return ret;
		}
		image->verified = true; /* by the front, 0.1 s a GiB, through the same open file */
		snprintf(image->path, sizeof(image->path), "%s", colon + 1);
		image->advanced = on_advanced;
		image->advanced_context = b;
		b->rebuild.images[i] = image;
		b->rebuild.image_count++;
		ret = process_record_read(image, &b->records[i], &b->fault);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/*
 * Where our own code and data lie is chance (ASLR). Where the processes are to inherit memory at a
 * place that we have taken, another throw of the dice: this program once more, with what it was
 * given. The last one does without.
 */
static void find_room(struct builder *b, char *argv[])
{
	bool fixed = personality(CURRENT_PERSONALITY) & ADDR_NO_RANDOMIZE;

	if (!inheritance_reserve(&b->rebuild, &b->tree) && !fixed &&
	    argv[3][2] - BUILDER_FIRST < THROWS) {
		argv[3][2]++;
		execv("/proc/self/exe", argv);
	}
	for (size_t i = 0; i < b->rebuild.image_count; i++)
		fcntl(b->rebuild.images[i]->fd, F_SETFD, FD_CLOEXEC);
}

static int move_up(struct builder *b, int *fd)
{
	int high;

	if (*fd < 0)
		return 0;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, b->rebuild.reserved_from);
	if (high < 0)
		return fault_set(&b->fault, errno, "too-many-descriptors",
				 "no descriptor at %d and above: %s (limit of open files?)",
				 b->rebuild.reserved_from, strerror(errno));
	close(*fd); /* two for every image could pass the limit */
	*fd = high;
	return 0;
}

/*
 * Our own descriptors go above all that the processes will have, or into a gap where the limit is
 * too near (valgrind has its own just below it). What stays outside is closed, with
 * /dev/null as 0, 1, 2 so that nothing of ours is ever printed into a restored file.
 */
static int reserve_descriptors(struct builder *b)
{
	struct rebuild *r = &b->rebuild;
	struct rlimit limit;
	int ret, null;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return fault_set(&b->fault, errno, "internal", "getrlimit: %s", strerror(errno));
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (descriptors_reserve(r, LOWEST_RESERVED, limit.rlim_cur) < 0)
		return fault_set(&b->fault, ENOMEM, "out-of-memory", "descriptors");
	for (int i = 0; i < 3; i++)
		r->stdio[i] = fcntl(i, F_GETFD) < 0 ? -1 : i;
	ret = move_up(b, &b->control_fd);
	for (int i = 0; ret == 0 && i < 3; i++)
		ret = move_up(b, &r->stdio[i]);
	r->notes_fd = b->quiet ? -1 : r->stdio[2];
	for (size_t i = 0; ret == 0 && i < r->image_count; i++)
		ret = move_up(b, &r->images[i]->fd);
	if (ret == 0)
		ret = move_up(b, &b->host_proc_fd);
	if (ret == 0)
		ret = move_up(b, &r->terminal_slave_fd);
	if (ret == 0)
		ret = move_up(b, &b->terminal.master);
	if (ret == 0 && b->connections >= 0)
		ret = inet_met_adopt(r, b->connections, &b->fault);
	if (ret < 0)
		return ret;
	close_range(0, r->reserved_from - 1, 0);
	close_range(r->reserved_to, UINT_MAX, 0);
	null = open("/dev/null", O_RDWR);
	while (null >= 0 && null < 2)
		null = dup(null);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, b->report))
		return fault_set(&b->fault, errno, "internal", "socket pair: %s", strerror(errno));
	ret = move_up(b, &b->report[0]);
	if (ret == 0)
		ret = move_up(b, &b->report[1]);
	close_range(3, r->reserved_from - 1, 0);
	return ret;
}

static pid_t highest_number(const struct builder *b)
{
	pid_t highest = 300;

	for (size_t i = 0; i < b->tree.count; i++)
		if (b->tree.nodes[i].pid > highest)
			highest = b->tree.nodes[i].pid;
	for (size_t i = 0; i < b->rebuild.image_count; i++) {
		const struct record *r = NULL;

		/* The head of every thread's record begins with its number. */
		while ((r = record_find(&b->rebuild.images[i]->records, RECORD_THREAD, r))) {
			int32_t tid;

			record_head(r, &tid, sizeof(tid));
			if (tid > highest)
				highest = tid;
		}
	}
	return highest;
}

static bool is_zombie(const struct builder *b, size_t image)
{
	return b->records[image].flags & PROCESS_ZOMBIE;
}

/* The first process of a computation gave it its name: that one, if it still lives, is the root. */
static void name_root(struct builder *b)
{
	for (size_t i = 0; i < b->rebuild.image_count; i++) {
		const struct image_header *h = &b->rebuild.images[i]->header;

		if (!is_zombie(b, i) && !strcmp(h->unique_pid, h->computation_id))
			b->tree.root = i;
	}
}

typedef int (*resource_stage)(struct rebuilt_process *p);

/* One stage of every resource for one image. */
static int run_stage(struct builder *b, size_t image, size_t stage_offset)
{
	struct rebuilt_process p = {
		.rebuild = &b->rebuild,
		.image = b->rebuild.images[image],
		.records = &b->rebuild.images[image]->records,
		.process = b->processes[image],
		.shares_memory = b->tree.nodes[image].shares & CLONE_VM,
		.shares_files = b->tree.nodes[image].shares & CLONE_FILES,
		.fault = &b->fault,
	};

	for (const struct resource *const *r = resource_table; *r; r++) {
		resource_stage stage = *(const resource_stage *)((const char *)*r + stage_offset);
		int ret = stage ? stage(&p) : 0;

		if (ret < 0)
			return fault_set(&b->fault, -ret, "internal", "process %d: %s: %s",
					 b->records[image].pid, (*r)->name, strerror(-ret));
	}
	return 0;
}

static int make_tree(struct builder *b)
{
	struct tree_build build = {
		.tree = &b->tree, .rebuild = &b->rebuild, .report_fd = b->report[1],
	};
	int ret;

	build.board = board_create(b->tree.count);
	if (!build.board)
		return fault_set(&b->fault, ENOMEM, "out-of-memory", "process tree");
	ret = tree_build(&build, &b->fault);
	board_destroy(build.board);
	return ret;
}

/* The memory has been rebuilt by way of the creator: also the code that injected calls run. */
static void follow_creator(struct builder *b, size_t image)
{
	const struct process *creator = b->processes[b->tree.nodes[image].creator];
	struct process *p = b->processes[image];

	p->syscall_address = creator->syscall_address;
	p->vdso_start = creator->vdso_start;
	p->vdso_end = creator->vdso_end;
}

static int rebuild_one(struct builder *b, size_t image)
{
	int ret;

	if (b->rebuilt[image])
		return 0;
	if (b->tree.nodes[image].late) {
		ret = rebuild_one(b, b->tree.nodes[image].creator);
		if (ret < 0)
			return ret;
		follow_creator(b, image);
	}
	b->rebuilt[image] = true;
	b->in_work = (int)image;
	return run_stage(b, image, offsetof(struct resource, restore_outside));
}

static int rebuild_from_outside(struct builder *b)
{
	int ret = 0;

	/* All first: nobody may run on memory that is being taken away. */
	for (size_t i = 0; ret == 0 && i < b->rebuild.image_count; i++)
		if (!is_zombie(b, i))
			ret = process_freeze(b->records[i].pid, FREEZE_TIMEOUT_MS,
					     &b->processes[i], &b->fault);
	for (size_t i = 0; ret == 0 && i < b->rebuild.image_count; i++)
		if (!is_zombie(b, i))
			ret = rebuild_one(b, i);
	return ret;
}

/* Somebody has killed it since all stood: that is its end, and no failure of the restart. */
static bool was_killed(struct builder *b, size_t image)
{
	struct proc_stat stat;
	pid_t pid = b->records[image].pid;

	if (!proc_stat(pid, &stat) && stat.state != 'Z' && stat.state != 'X')
		return false;
	b->fault = (struct fault){ 0 };
	return true;
}

static int close_reserved(struct builder *b, size_t image)
{
	long result = 0;
	int ret = inject_one(&b->processes[image]->threads[0], &result, SYS_close_range,
			     b->rebuild.reserved_from, b->rebuild.reserved_to - 1, 0, 0, 0, 0,
			     &b->fault);

	if (ret == 0 && result < 0)
		ret = fault_set(&b->fault, -result, "internal",
				"process %d: closing our descriptors: %s",
				b->records[image].pid, strerror(-result));
	return ret;
}

/* What only the builder needs is closed in every process, then what must come last is done. */
static int finish_processes(struct builder *b)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < b->rebuild.image_count; i++) {
		if (b->processes[i])
			ret = close_reserved(b, i);
		if (ret < 0 && was_killed(b, i))
			ret = 0;
	}
	for (size_t i = 0; ret == 0 && i < b->rebuild.image_count; i++) {
		if (b->processes[i])
			ret = run_stage(b, i, offsetof(struct resource, restore_last));
		if (ret < 0 && was_killed(b, i))
			ret = 0;
	}
	return ret;
}

/* The number by which the front, in an outer pid namespace, knows @pid; 0: it cannot be told. */
static pid_t outer_pid(struct builder *b, pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0), info;
	char path[64], text[1024];
	pid_t outer = 0;
	ssize_t bytes;

	if (fd < 0)
		return 0;
	/* fdinfo speaks the numbers of the procfs that it is read through. */
	snprintf(path, sizeof(path), "self/fdinfo/%d", fd);
	info = openat(b->host_proc_fd, path, O_RDONLY | O_CLOEXEC);
	bytes = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	if (bytes > 0) {
		text[bytes] = 0;
		outer = proc_field_number(text, "Pid", 10, 0);
	}
	if (info >= 0)
		close(info);
	close(fd);
	return outer;
}

static int report_and_wait(struct builder *b)
{
	struct message m = { .type = MESSAGE_MEMBER };
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < b->rebuild.image_count; i++) {
		m.pid = b->records[i].pid;
		m.code = i;
		m.status = outer_pid(b, m.pid);
		if (!m.status)
			return fault_set(&b->fault, ESRCH, "internal",
					 "process %d has no number outside", m.pid);
		ret = message_send(b->control_fd, &m);
	}
	/*
	 * Also our own number: the helper that made us tells it too, but it is a process of its
	 * own and may come to it only when all is built.
	 */
	m = (struct message){ .type = MESSAGE_READY, .pid = b->tree.nodes[b->tree.root].pid,
			      .status = outer_pid(b, getpid()) };
	if (ret == 0 && !m.status)
		return fault_set(&b->fault, ESRCH, "internal", "process 1 has no number outside");
	if (ret == 0)
		ret = message_send(b->control_fd, &m);
	/* How long the others may take is the front's and the user's decision. */
	if (ret == 0)
		ret = message_receive(b->control_fd, &m, -1);
	if (ret == 0 && m.type != MESSAGE_GO)
		ret = -EPROTO;
	return ret;
}

/* From here on nothing fails: all run, and the builder keeps only what a supervisor needs. */
static void __attribute__((noreturn)) go(struct builder *b)
{
	struct message running = { .type = MESSAGE_RUNNING };
	pid_t root = b->tree.nodes[b->tree.root].pid;

	/* First: an end of a pipe or a lock held here would be one too many for the processes. */
	rebuild_close_objects(&b->rebuild);
	rebuild_remove_leftovers(&b->rebuild);
	file_index_free(&b->rebuild);
	inet_met_free(&b->rebuild);
	hooks_run(b->processes, b->rebuild.images, b->rebuild.image_count, warn, b);
	thaw_all(b->processes, b->records, &b->tree, b->rebuild.image_count);
	message_send(b->control_fd, &running);
	for (size_t i = 0; i < b->rebuild.image_count; i++)
		image_reader_close(b->rebuild.images[i]);
	free(b->rebuild.images);
	free(b->rebuild.known_code);
	free(b->records);
	free(b->processes);
	free(b->rebuilt);
	tree_free(&b->tree);
	malloc_trim(0);
	dup2(b->control_fd, 3);
	dup2(b->report[0], 4);
	if (b->terminal.master >= 0) {
		dup2(b->terminal.master, 5);
		b->terminal.master = 5;
		if (b->terminal.user_terminal)
			dup2(b->rebuild.stdio[0], STDIN_FILENO);
		if (b->rebuild.stdio[1] >= 0)
			dup2(b->rebuild.stdio[1], STDOUT_FILENO);
	}
	for (int i = 0; i < b->rebuild.terminal_place_count; i++)
		dup2(b->rebuild.terminal_places[i], 6 + i);
	close_range(b->terminal.master >= 0 ? 6 + b->rebuild.terminal_place_count : 5, UINT_MAX,
		    0);
	supervisor_run(3, 4, root, &b->terminal);
}

/* In the session of a container's process 1, which must then have that number. */
static bool someone_is_in_first_session(const struct builder *b)
{
	for (size_t i = 0; i < b->rebuild.image_count; i++)
		if (b->records[i].session == 1 || b->records[i].group == 1)
			return true;
	return false;
}

/* As process 1. */
static void __attribute__((noreturn)) build(struct builder *b)
{
	int ret;

	if (someone_is_in_first_session(b))
		setsid();
	ret = namespaces_prepare_init(highest_number(b), &b->fault);
	if (ret == 0)
		ret = reserve_descriptors(b);
	if (ret == 0)
		pty_names_prepare(&b->rebuild);
	for (size_t i = 0; ret == 0 && i < b->rebuild.image_count; i++)
		ret = is_zombie(b, i) ? 0 :
			run_stage(b, i, offsetof(struct resource, restore_shared));
	if (ret == 0)
		inheritance_fill(&b->rebuild, &b->tree);
	if (ret == 0)
		ret = make_tree(b);
	if (ret == 0)
		ret = rebuild_from_outside(b);
	inheritance_release(&b->rebuild);
	if (ret == 0)
		ret = report_and_wait(b);
	if (ret == 0)
		ret = finish_processes(b);
	if (ret < 0)
		fail(b, ret);
	go(b);
}

/* @text: "-", or the descriptor of the master and the path of the slave. */
static int open_terminal(struct builder *b, const char *text)
{
	const char *colon = strchr(text, ':');

	terminal_adopt(&b->terminal, colon ? atoi(text) : -1);
	if (!colon)
		return 0;
	snprintf(b->rebuild.terminal_path, sizeof(b->rebuild.terminal_path), "%s", colon + 1);
	b->rebuild.terminal_slave_fd = open(colon + 1, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (b->rebuild.terminal_slave_fd < 0)
		return fault_set(&b->fault, errno, "no-terminal", "%s: %s", colon + 1,
				 strerror(errno));
	return 0;
}

static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

/* As the front's helper, in its pid namespace, until process 1 exists. */
int builder_main(int argc, char *argv[])
{
	struct builder b = { .report = { -1, -1 },
			     .progress_lock = PTHREAD_MUTEX_INITIALIZER };
	struct message m;
	struct fault warning = { 0 };
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	int ret;

	if (argc < 7 || strlen(argv[3]) < 3)
		return 99;
	prctl(PR_SET_NAME, HOLDER_NAME); /* execve of /proc/self/exe has made it "exe" */
	block_signals();
	b.control_fd = atoi(argv[2]);
	b.rebuild.user_namespace = argv[3][0] == BUILDER_USER_NAMESPACE;
	b.quiet = argv[3][1] == BUILDER_QUIET;
	b.connections = argv[3][3] ? atoi(argv[3] + 3) : -1;
	b.rebuild.workers = processors > 0 ? processors : 1;
	b.rebuild.terminal_slave_fd = -1;
	if (argv[3][2] == BUILDER_FIRST &&
	    (message_receive(b.control_fd, &m, FRONT_TIMEOUT_MS) < 0 || m.type != MESSAGE_MAPPED))
		_exit(99);
	b.host_proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = open_images(&b, argc - 6, argv + 5);
	if (ret == 0)
		ret = tree_plan(&b.tree, b.records, b.rebuild.image_count, &b.fault);
	if (ret == 0)
		name_root(&b);
	if (ret == 0)
		find_room(&b, argv);
	if (ret == 0)
		ret = open_terminal(&b, argv[4]);
	if (ret == 0)
		ret = namespaces_enter(&b.rebuild, &warning, &b.fault);
	if (ret < 0)
		fail(&b, ret);
	warn(&b, &warning);
	/*
	 * Out of the user's session. Those whose session was outside their pid namespace are to
	 * find it outside again: so it is begun here, and process 1 is only born into it.
	 */
	setsid();
	ret = namespaces_fork_init(&b.fault);
	if (ret == 0)
		build(&b);
	if (ret < 0)
		fail(&b, ret);
	m = (struct message){ .type = MESSAGE_BUILDER, .pid = ret };
	message_send(b.control_fd, &m);
	return 0;
}
