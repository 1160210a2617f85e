#include "attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/proc.h"
#include "../trace/status.h"
#include "path_here.h"
#include "records.h"

#define PR_SET_MDWE_ 65 /* names of newer headers than the oldest that we build with */
#define PR_GET_MDWE_ 66
#define PR_SET_MEMORY_MERGE_ 67
#define PR_GET_MEMORY_MERGE_ 68
#define MEMBARRIER_GET_REGISTRATIONS_ (1 << 9)

enum { /* attributes_record.known */
	KNOWN_MEMBARRIER = 1,
};

struct attributes_record { /* RECORD_ATTRIBUTES */
	uint32_t umask;
	uint32_t personality;
	int32_t dumpable;
	int32_t thp_disable;
	int32_t mdwe;          /* PR_GET_MDWE bits */
	int32_t memory_merge;
	int32_t no_new_privileges;
	int32_t oom_score_adj;
	uint32_t coredump_filter;
	uint32_t membarrier;   /* registered commands, as MEMBARRIER_CMD_GET_REGISTRATIONS tells */
	uint32_t known;
};

struct directory_record { /* RECORD_CWD, RECORD_ROOT: the path is the tail */
	uint32_t deleted;
	uint32_t reserved;
};

/* ---- capture ---- */

static uint64_t read_number(pid_t pid, const char *name, int base)
{
	uint64_t value = 0;
	char *text;

	if (proc_read_text(pid, name, &text, NULL) < 0)
		return 0;
	value = strtoull(text, NULL, base);
	free(text);
	return value;
}

/* What the kernel does not know is 0, the default of all these. */
static int32_t told(const struct batch_call *call)
{
	return call->result < 0 ? 0 : (int32_t)call->result;
}

static int ask_all(struct thread *t, struct attributes_record *record)
{
	struct batch_call calls[] = {
		{ SYS_prctl, { PR_GET_DUMPABLE }, 0 },
		{ SYS_prctl, { PR_GET_THP_DISABLE }, 0 },
		{ SYS_prctl, { PR_GET_MDWE_ }, 0 },
		{ SYS_prctl, { PR_GET_MEMORY_MERGE_ }, 0 },
		{ SYS_membarrier, { MEMBARRIER_GET_REGISTRATIONS_ }, 0 },
	};
	int ret = inject_calls(t, calls, sizeof(calls) / sizeof(calls[0]));

	if (ret < 0)
		return ret;
	record->dumpable = told(&calls[0]);
	record->thp_disable = told(&calls[1]);
	record->mdwe = told(&calls[2]);
	record->memory_merge = told(&calls[3]);
	record->membarrier = told(&calls[4]);
	if (calls[4].result >= 0)
		record->known |= KNOWN_MEMBARRIER;
	return 0;
}

static int capture_directory(struct capture *c, const char *name, uint32_t type)
{
	static const char mark[] = " (deleted)";
	struct directory_record record = { 0 };
	char path[PATH_MAX];
	struct stat there;
	ssize_t length = readlinkat(c->process->proc_fd, name, path, sizeof(path) - 1);

	if (length < 0)
		return fault_set(c->fault, errno, "not-allowed-to-trace", "%s of process %d: %s",
				 name, c->process->pid, strerror(errno));
	path[length] = '\0';
	if (length > (ssize_t)strlen(mark) &&
	    !strcmp(path + length - strlen(mark), mark) &&
	    !fstatat(c->process->proc_fd, name, &there, 0) && there.st_nlink == 0) {
		record.deleted = 1;
		length -= strlen(mark);
	}
	record_append(c->records, type, &record, sizeof(record), path, length);
	return 0;
}

static int capture(struct capture *c)
{
	struct attributes_record record = { 0 };
	struct process *p = c->process;
	struct thread *t = process_live_thread(p);
	int ret, end;

	if (!t)
		return 0;
	record.umask = t->status->umask;
	record.no_new_privileges = t->status->no_new_privileges;
	record.personality = read_number(t->tid, "personality", 16);
	record.oom_score_adj = (int32_t)read_number(t->tid, "oom_score_adj", 10);
	record.coredump_filter = read_number(t->tid, "coredump_filter", 16);
	ret = inject_begin(t, c->fault);
	if (ret < 0)
		return ret;
	ret = ask_all(t, &record);
	end = inject_end(t);
	if (!ret)
		ret = end;
	if (!ret)
		record_append(c->records, RECORD_ATTRIBUTES, &record, sizeof(record), NULL, 0);
	if (!ret)
		ret = capture_directory(c, "cwd", RECORD_CWD);
	if (!ret)
		ret = capture_directory(c, "root", RECORD_ROOT);
	if (ret < 0)
		return fault_set(c->fault, -ret, "internal", "attributes of process %d: %s", p->pid,
				 strerror(-ret));
	return 0;
}

/* ---- restore ---- */

static bool read_record(struct rebuilt_process *p, struct attributes_record *record)
{
	const struct record *r = record_find(p->records, RECORD_ATTRIBUTES, NULL);

	if (r)
		record_head(r, record, sizeof(*record));
	return r;
}

/* The path of a directory record; false when there is none. */
static bool read_directory(const struct buffer *records, uint32_t type, char path[PATH_MAX],
			   bool *deleted)
{
	const struct record *r = record_find(records, type, NULL);
	struct directory_record record;
	const void *tail;
	size_t bytes;

	if (!r)
		return false;
	record_head(r, &record, sizeof(record));
	tail = record_tail(r, sizeof(record), &bytes);
	if (!bytes || bytes >= PATH_MAX)
		return false;
	memcpy(path, tail, bytes);
	path[bytes] = '\0';
	*deleted = record.deleted;
	return true;
}

static int verify(struct image_reader *image, struct fault *fault)
{
	static const uint32_t types[] = { RECORD_ROOT, RECORD_CWD };
	char path[PATH_MAX], root[PATH_MAX] = "";
	struct stat there;
	bool deleted;
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!read_directory(&image->records, types[i], path, &deleted) || deleted)
			continue;
		if (types[i] == RECORD_ROOT)
			strcpy(root, path);
		path_here(image, path);
		/* Both are as seen from outside: the current directory's path has the root in it. */
		if (stat(path, &there) < 0 || !S_ISDIR(there.st_mode))
			return fault_set(fault, ENOENT, "directory-missing",
					 "%s: the %s directory of %s (%d): %s", path,
					 types[i] == RECORD_ROOT ? "root" : "current",
					 image->header.program, image->header.virtual_pid,
					 strerror(errno ? errno : ENOTDIR));
	}
	return 0;
}

/* A directory that had been removed: an empty one, removed again once the process is in it. */
static int enter_removed(const char *path)
{
	char other[] = "/tmp/dmtcp-removed-XXXXXX";
	const char *made = path;

	if (mkdir(path, 0700) < 0)
		made = mkdtemp(other);
	if (!made || chdir(made) < 0)
		return -errno;
	rmdir(made);
	return 0;
}

static int restore_inside(struct rebuilt_process *p)
{
	struct attributes_record record;
	char path[PATH_MAX];
	bool deleted;
	int ret = 0, cwd = -1;

	if (read_record(p, &record) && record.no_new_privileges)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* of a thread: those made later inherit it */
	if (read_directory(p->records, RECORD_CWD, path, &deleted)) {
		path_here(p->image, path);
		ret = deleted ? enter_removed(path) : chdir(path) < 0 ? -errno : 0;
		if (ret < 0)
			return fault_set(p->fault, -ret, "directory-missing", "%s: %s", path,
					 strerror(-ret));
	}
	if (!read_directory(p->records, RECORD_ROOT, path, &deleted) || !strcmp(path, "/"))
		return 0;
	path_here(p->image, path);
	cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cwd < 0 || chroot(path) < 0 || fchdir(cwd) < 0)
		ret = fault_set(p->fault, errno, "directory-missing", "root directory %s: %s", path,
				strerror(errno));
	if (cwd >= 0)
		close(cwd);
	return ret;
}

static int tell(struct thread *t, int option, uint64_t value)
{
	long result;

	return inject_syscall(t, &result, SYS_prctl, option, value, 0, 0, 0, 0);
}

/* PR_GET_THP_DISABLE tells 1 and the flags that came with it, which older kernels refuse. */
static int disable_huge_pages(struct thread *t, int32_t told)
{
	long result;
	int ret = inject_syscall(t, &result, SYS_prctl, PR_SET_THP_DISABLE, 1, told & ~1, 0, 0, 0);

	if (!ret && result == -EINVAL && told & ~1) /* none at all is nearer than huge ones */
		ret = inject_syscall(t, &result, SYS_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0, 0);
	return ret;
}

static int register_membarriers(struct thread *t, const struct attributes_record *record)
{
	uint32_t bit;
	long result;
	int ret = 0;

	/* What is registered is told by the number of the registering command itself. */
	for (bit = 1; bit && !ret; bit <<= 1)
		if (record->membarrier & bit)
			ret = inject_syscall(t, &result, SYS_membarrier, bit, 0, 0, 0, 0, 0);
	return ret;
}

static int write_number(struct process *p, const char *name, const char *format, long value)
{
	char text[32];
	int fd = openat(p->proc_fd, name, O_WRONLY | O_CLOEXEC), length;

	if (fd < 0)
		return -errno;
	length = snprintf(text, sizeof(text), format, value);
	length = write(fd, text, length) == length ? 0 : -errno;
	close(fd);
	return length;
}

/* A thread's own: before the others are made; and after the mappings, which it could alter. */
static int restore_outside(struct rebuilt_process *p)
{
	struct attributes_record record;
	long result;

	if (!read_record(p, &record))
		return 0;
	return inject_one(&p->process->threads[0], &result, SYS_personality, record.personality, 0, 0,
			  0, 0, 0, p->fault);
}

/* In restore_last: creating threads and mapping memory is over, so nothing forbids what is left. */
static int restore_all(struct rebuilt_process *p, struct thread *t,
		       const struct attributes_record *record)
{
	long result;
	int ret;

	ret = inject_syscall(t, &result, SYS_umask, record->umask, 0, 0, 0, 0, 0);
	if (!ret && record->thp_disable)
		ret = disable_huge_pages(t, record->thp_disable);
	if (!ret && record->memory_merge)
		ret = tell(t, PR_SET_MEMORY_MERGE_, 1);
	if (!ret)
		ret = register_membarriers(t, record);
	/* Lowering the score below what this shell has takes CAP_SYS_RESOURCE: then it stays. */
	write_number(p->process, "oom_score_adj", "%ld", record->oom_score_adj);
	write_number(p->process, "coredump_filter", "0x%lx", record->coredump_filter);
	if (!ret) /* 2 (readable by root only) cannot be set, prctl(2): 0 is the same for others */
		ret = tell(t, PR_SET_DUMPABLE, record->dumpable == 1);
	if (!ret && record->mdwe) /* the last: it forbids what comes with making memory */
		ret = tell(t, PR_SET_MDWE_, record->mdwe);
	return ret;
}

static int restore_last(struct rebuilt_process *p)
{
	struct thread *t = process_live_thread(p->process);
	struct attributes_record record;
	int ret, end;

	if (!t || !read_record(p, &record))
		return 0;
	ret = inject_begin(t, p->fault);
	if (ret < 0)
		return ret;
	ret = restore_all(p, t, &record);
	end = inject_end(t);
	if (!ret)
		ret = end;
	if (ret < 0)
		return fault_set(p->fault, -ret, "internal", "attributes of process %d: %s",
				 p->process->virtual_pid, strerror(-ret));
	return 0;
}

static void describe(struct image_reader *image, json_t *out)
{
	char path[PATH_MAX];
	bool deleted;

	if (read_directory(&image->records, RECORD_CWD, path, &deleted))
		json_object_set_new(out, "directory", json_from_text(path));
	if (read_directory(&image->records, RECORD_ROOT, path, &deleted) && strcmp(path, "/"))
		json_object_set_new(out, "root", json_from_text(path));
}

const struct resource resource_attributes = {
	.name = "attributes",
	.capture = capture,
	.verify = verify,
	.restore_inside = restore_inside,
	.restore_outside = restore_outside,
	.restore_last = restore_last,
	.describe = describe,
};
