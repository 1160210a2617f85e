/*
 * System V semaphores, message queues, and segments that nobody has attached. They belong to
 * nobody: those are captured that the user has made since the computation began, or that a member
 * has used last. In a restarted computation, which has an IPC namespace of its own, that is all of
 * them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../engine/round.h"
#include "../restart/rebuild.h"
#include "memory.h"
#include "records.h"
#include "sysv_undo.h"

#define SEARCH_SECONDS 20 /* for an id, where it cannot be asked for */
#define CLOCK_SLACK_S 1   /* of times in whole seconds */

struct ipc_record { /* head of both records */
	int32_t id, key;
	uint32_t mode, uid, gid;
	uint32_t count;  /* semaphores in the set, messages in the queue */
	uint64_t limit;  /* bytes that the queue may hold */
	/* tail: uint16_t values of the semaphores; or messages: int64_t type, uint64_t bytes, data,
	 * padded to 8 */
};

/*
 * ---- capture: with our own calls where the namespace is ours, of which most objects are none of
 * the computation's; else with those of a member ----
 */

struct reading {
	struct capture *c;
	struct thread *t;
	uint64_t scratch; /* where calls put what they tell: in @ours, or in the member */
	uint8_t *ours;    /* SCRATCH_BYTES; NULL: calls are injected */
	time_t began; /* 0: everything in the namespace is the computation's */
};

static long call(const struct reading *r, long number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
		 uint64_t a5)
{
	long result = 0;
	int ret;

	if (r->ours) {
		result = syscall(number, a1, a2, a3, a4, a5);
		return result < 0 ? -errno : result;
	}
	ret = inject_syscall(r->t, &result, number, a1, a2, a3, a4, a5, 0);
	return ret < 0 ? ret : result;
}

/* What the last call has told, from @offset on. */
static int told(const struct reading *r, size_t offset, void *data, size_t bytes)
{
	if (!r->ours)
		return process_read(r->c->process, r->scratch + offset, data, bytes);
	memcpy(data, r->ours + offset, bytes);
	return 0;
}

/* When the first member was started, by the wall clock. */
static time_t beginning(struct round *round)
{
	long ticks = sysconf(_SC_CLK_TCK);
	uint64_t first = UINT64_MAX;
	struct timespec now, boot;

	for (size_t n = 0; n < round->member_count; n++)
		if (round->members[n]->start_ticks < first)
			first = round->members[n]->start_ticks;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return now.tv_sec - boot.tv_sec + (time_t)(first / ticks) - CLOCK_SLACK_S;
}

/* A restarted computation has an IPC namespace of its own. */
static bool has_own_namespace(const struct process *p)
{
	char path[48], theirs[64] = "", ours[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/ipc", p->live_tid);
	return readlink(path, theirs, sizeof(theirs) - 1) > 0 &&
	       readlink("/proc/self/ns/ipc", ours, sizeof(ours) - 1) > 0 && strcmp(theirs, ours);
}

/* Members of root may have become other users, whose objects are theirs if they have @used them. */
static bool may_be_ours(const struct reading *r, const struct ipc_perm *permissions, bool used)
{
	return !r->began || permissions->cuid == geteuid() || (used && !geteuid());
}

/* @pid as who has asked knows it. */
static bool is_member(const struct reading *r, pid_t pid)
{
	struct round *round = r->c->round;

	for (size_t n = 0; n < round->member_count; n++) {
		const struct process *p = round->members[n];

		if (pid && pid == (r->ours ? p->pid : p->virtual_pid))
			return true;
	}
	return false;
}

static void fill_head(struct ipc_record *head, long id, const struct ipc_perm *permissions)
{
	head->id = id;
	head->key = permissions->__key;
	head->mode = permissions->mode;
	head->uid = permissions->uid;
	head->gid = permissions->gid;
}

/* By a member, who was the last to do so with one of its semaphores. Asked in our own namespace. */
static bool has_been_used(const struct reading *r, long id, const struct semid_ds *set)
{
	bool found = false;

	for (size_t n = 0; !found && n < set->sem_nsems && set->sem_otime >= r->began; n++) {
		long pid = call(r, SYS_semctl, id, n, GETPID, 0, 0);

		if (pid < 0)
			break;
		found = is_member(r, pid);
	}
	return found;
}

static int read_values(const struct reading *r, long id, uint16_t *values, size_t bytes)
{
	long result = bytes > SCRATCH_BYTES ? -E2BIG :
					      call(r, SYS_semctl, id, 0, GETALL, r->scratch, 0);

	return result < 0 ? (int)result : told(r, 0, values, bytes);
}

/* Without a word it would be missing after a restart. */
static int refuse_set(const struct reading *r, long id, const char *why)
{
	return fault_set(r->c->fault, EOPNOTSUPP, "not-supported",
			 "System V semaphores %ld, which the computation uses: %s", id, why);
}

static int capture_set(struct reading *r, long id, const struct semid_ds *set, bool used)
{
	struct ipc_record head = { .count = set->sem_nsems };
	size_t bytes = set->sem_nsems * sizeof(uint16_t);
	uint16_t *values;
	int ret;

	if (set->sem_ctime < r->began && !used)
		return 0;
	values = malloc(bytes + 1);
	if (!values)
		return -ENOMEM;
	ret = read_values(r, id, values, bytes);
	fill_head(&head, id, &set->sem_perm);
	if (!ret) {
		record_append(r->c->records, RECORD_SYSV_SEM, &head, sizeof(head), values, bytes);
		ret = undo_sets_add(&r->c->round->semaphores, (int)id, set->sem_nsems);
	} else if (ret == -EIDRM || ret == -EINVAL || (ret == -EACCES && !used)) {
		ret = 0; /* gone meanwhile, or another program's */
	} else {
		ret = refuse_set(r, id, strerror(-ret));
	}
	free(values);
	return ret;
}

static int capture_message(struct reading *r, long id, uint64_t index, struct buffer *out)
{
	static const uint8_t zeros[8];
	uint64_t head[2], room = SCRATCH_BYTES - sizeof(uint64_t);
	uint8_t *data;
	long bytes;
	int ret;

	/* MSG_COPY leaves it in the queue: msgrcv(2), Linux 3.8. */
	bytes = call(r, SYS_msgrcv, id, r->scratch, room, index, MSG_COPY | IPC_NOWAIT);
	if (bytes < 0)
		return (int)bytes;
	data = malloc(bytes + 1);
	if (!data)
		return -ENOMEM;
	ret = told(r, 0, head, sizeof(uint64_t));
	if (!ret)
		ret = told(r, sizeof(uint64_t), data, bytes);
	head[1] = bytes;
	buffer_append(out, head, sizeof(head));
	buffer_append(out, data, bytes);
	buffer_append(out, zeros, -bytes & 7);
	free(data);
	return ret;
}

static int capture_queue(struct reading *r, long id, const struct msqid_ds *queue)
{
	struct ipc_record head = { .count = queue->msg_qnum, .limit = queue->msg_qbytes };
	struct buffer messages = { 0 };
	bool used = is_member(r, queue->msg_lspid) || is_member(r, queue->msg_lrpid);
	int ret = 0;

	if (!may_be_ours(r, &queue->msg_perm, used) || (queue->msg_ctime < r->began && !used))
		return 0;
	for (uint32_t n = 0; n < head.count && !ret; n++)
		ret = capture_message(r, id, n, &messages);
	if (ret)
		ret = fault_set(r->c->fault, -ret, "not-supported",
				"System V message queue %ld cannot be read: %s", id,
						strerror(-ret));
	fill_head(&head, id, &queue->msg_perm);
	if (!ret)
		record_append(r->c->records, RECORD_SYSV_MSG, &head, sizeof(head), messages.data,
			      messages.bytes);
	buffer_free(&messages);
	return ret;
}

static int capture_sets(struct reading *r)
{
	long highest = call(r, SYS_semctl, 0, 0, SEM_INFO, r->scratch, 0);
	struct seminfo info;
	int ret = 0;

	if (highest < 0 || told(r, 0, &info, sizeof(info)) ||
			!info.semusz)
		return 0; /* there is none */
	for (long n = 0; n <= highest && !ret; n++) {
		struct semid_ds set;
		bool used;
		long id = call(r, SYS_semctl, n, 0, SEM_STAT, r->scratch, 0);

		if (id < 0)
			continue;
		ret = told(r, 0, &set, sizeof(set));
		if (ret)
			break;
		used = r->began && has_been_used(r, id, &set);
		if (may_be_ours(r, &set.sem_perm, used))
			ret = capture_set(r, id, &set, used);
		else if (used)
			ret = refuse_set(r, id, "they belong to another user");
	}
	return ret;
}

static int capture_queues(struct reading *r)
{
	long highest = call(r, SYS_msgctl, 0, MSG_INFO, r->scratch, 0, 0);
	struct msginfo info;
	int ret = 0;

	if (highest < 0 || told(r, 0, &info, sizeof(info)) ||
	    !info.msgpool)
		return 0; /* there is none */
	for (long n = 0; n <= highest && !ret; n++) {
		struct msqid_ds queue;
		long id = call(r, SYS_msgctl, n, MSG_STAT, r->scratch, 0, 0);

		if (id < 0)
			continue;
		ret = told(r, 0, &queue, sizeof(queue));
		if (!ret)
			ret = capture_queue(r, id, &queue);
	}
	return ret;
}

/* Those that a process has attached come with its memory: sysv_shm.c. */
static int capture_segments(struct reading *r)
{
	long highest = call(r, SYS_shmctl, 0, SHM_INFO, r->scratch, 0, 0);
	struct shm_info info;
	int ret = 0;

	if (highest < 0 || told(r, 0, &info, sizeof(info)) ||
	    !info.used_ids)
		return 0; /* there is none */
	for (long n = 0; n <= highest && !ret; n++) {
		struct shmid_ds segment;
		bool used;
		long id = call(r, SYS_shmctl, n, SHM_STAT, r->scratch, 0, 0);

		if (id < 0)
			continue;
		ret = told(r, 0, &segment, sizeof(segment));
		used = is_member(r, segment.shm_cpid) || is_member(r, segment.shm_lpid);
		if (ret || segment.shm_nattch || !may_be_ours(r, &segment.shm_perm, used) ||
		    (segment.shm_ctime < r->began && !used))
			continue;
		ret = inject_begin(r->t, r->c->fault);
		if (!ret)
			ret = sysv_shm_capture_unattached(r->c, r->t, (int)id, &segment);
		/* Somebody else's that may not be read is no part of the computation. */
		ret = ret == -EACCES || ret == -EIDRM || ret == -EINVAL ? 0 : ret;
	}
	return ret < 0 ? ret : 0;
}

static int prepare_own(struct reading *r)
{
	r->ours = malloc(SCRATCH_BYTES);
	r->scratch = (uint64_t)r->ours;
	return r->ours ? 0 : fault_set(r->c->fault, ENOMEM, "out-of-memory", "System V objects");
}

static int prepare_injected(struct reading *r)
{
	int ret = inject_begin(r->t, r->c->fault);

	return ret ? ret : inject_scratch(r->t, &r->scratch, r->c->fault);
}

/* Once per round, with whichever member comes first. */
static int capture_objects(struct capture *c)
{
	struct reading r = { .c = c, .t = process_live_thread(c->process) };
	bool is_new;
	int ret;

	if (!r.t)
		return 0;
	/* No device has this number. */
	round_inode_id(c->round, UINT64_MAX - 2, 0, &is_new);
	if (!is_new)
		return 0;
	r.began = has_own_namespace(c->process) ? 0 : beginning(c->round);
	ret = r.began ? prepare_own(&r) : prepare_injected(&r);
	if (!ret)
		ret = capture_sets(&r);
	if (!ret)
		ret = capture_queues(&r);
	if (!ret)
		ret = capture_segments(&r);
	inject_end(r.t);
	free(r.ours);
	return ret;
}

static int ipc_capture(struct capture *c)
{
	int ret;

	if (c->process->zombie || c->process->seccomp)
		return 0;
	ret = capture_objects(c);
	return ret ? ret : undo_capture(c, c->round->semaphores);
}

/* ---- restore ---- */

/* Since 5.19 writable for the owner of the namespace, before for root only: then without. */
static void ask_for_id(const char *kind, int id)
{
	char path[48], text[16];
	int fd, bytes = snprintf(text, sizeof(text), "%d", id);

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s_next_id", kind);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, text, bytes) != bytes) {
		/* not allowed: it is searched for */
	}
	close(fd);
}

static int refuse(struct rebuilt_process *p, const char *what, int id, int error)
{
	return fault_set(p->fault, error, "internal", "System V %s %d cannot be made again: %s",
			what,
			 id, strerror(error));
}

/* Without asking, the kernel numbers them through: until the wanted one comes. */
static int make_set(const struct ipc_record *r)
{
	time_t end = time(NULL) + SEARCH_SECONDS;
	int id;

	ask_for_id("sem", r->id);
	for (;;) {
		id = semget(r->key, r->count, 0600 | IPC_CREAT | IPC_EXCL);
		if (id < 0)
			return -errno;
		if (id == r->id)
			return 0;
		semctl(id, 0, IPC_RMID);
		if (time(NULL) > end)
			return -EEXIST;
	}
}

static int make_queue(const struct ipc_record *r)
{
	time_t end = time(NULL) + SEARCH_SECONDS;
	int id;

	ask_for_id("msg", r->id);
	for (;;) {
		id = msgget(r->key, 0600 | IPC_CREAT | IPC_EXCL);
		if (id < 0)
			return -errno;
		if (id == r->id)
			return 0;
		msgctl(id, IPC_RMID, NULL);
		if (time(NULL) > end)
			return -EEXIST;
	}
}

static int restore_set(struct rebuilt_process *p, const struct record *record)
{
	struct ipc_record r;
	struct semid_ds set;
	const void *values;
	size_t bytes;
	int ret;

	record_head(record, &r, sizeof(r));
	values = record_tail(record, sizeof(r), &bytes);
	if (bytes < r.count * sizeof(uint16_t))
		return refuse(p, "semaphore set", r.id, EPROTO);
	ret = make_set(&r);
	if (ret)
		return refuse(p, "semaphore set", r.id, -ret);
	if (semctl(r.id, 0, SETALL, values) || semctl(r.id, 0, IPC_STAT, &set))
		return refuse(p, "semaphore set", r.id, errno);
	set.sem_perm.mode = r.mode & 0777;
	if (semctl(r.id, 0, IPC_SET, &set))
		return refuse(p, "semaphore set", r.id, errno);
	set.sem_perm.uid = r.uid;
	set.sem_perm.gid = r.gid;
	/* an owner that does not exist here (EINVAL) stays ours: who has made it has all rights */
	return semctl(r.id, 0, IPC_SET, &set) && errno != EINVAL ?
		       refuse(p, "semaphore set", r.id, errno) : 0;
}

static int send_messages(const struct ipc_record *r, const uint8_t *data, size_t bytes)
{
	for (uint32_t n = 0; n < r->count; n++) {
		uint64_t head[2];
		uint8_t *message;
		size_t whole;
		int ret;

		if (bytes < sizeof(head))
			return -EPROTO;
		memcpy(head, data, sizeof(head));
		whole = sizeof(head) + head[1] + (-head[1] & 7);
		if (head[1] > bytes || whole > bytes)
			return -EPROTO;
		/* msgsnd(2) wants the type right in front of the text: copied over the length. */
		message = malloc(sizeof(uint64_t) + head[1]);
		if (!message)
			return -ENOMEM;
		memcpy(message, head, sizeof(uint64_t));
		memcpy(message + sizeof(uint64_t), data + sizeof(head), head[1]);
		ret = msgsnd(r->id, message, head[1], IPC_NOWAIT) ? -errno : 0;
		free(message);
		if (ret)
			return ret;
		data += whole;
		bytes -= whole;
	}
	return 0;
}

static int restore_queue(struct rebuilt_process *p, const struct record *record)
{
	struct msqid_ds queue;
	struct ipc_record r;
	const void *messages;
	size_t bytes;
	int ret;

	record_head(record, &r, sizeof(r));
	messages = record_tail(record, sizeof(r), &bytes);
	ret = make_queue(&r);
	if (ret)
		return refuse(p, "message queue", r.id, -ret);
	if (msgctl(r.id, IPC_STAT, &queue))
		return refuse(p, "message queue", r.id, errno);
	queue.msg_qbytes = r.limit;
	queue.msg_perm.mode = 0600;
	if (msgctl(r.id, IPC_SET, &queue))
		return refuse(p, "message queue", r.id, errno);
	ret = send_messages(&r, messages, bytes);
	if (ret)
		return refuse(p, "message queue", r.id, -ret);
	queue.msg_perm.mode = r.mode & 0777;
	if (msgctl(r.id, IPC_SET, &queue))
		return refuse(p, "message queue", r.id, errno);
	queue.msg_perm.uid = r.uid;
	queue.msg_perm.gid = r.gid;
	return msgctl(r.id, IPC_SET, &queue) && errno != EINVAL ?
		       refuse(p, "message queue", r.id, errno) : 0;
}

static int ipc_restore_shared(struct rebuilt_process *p)
{
	const struct record *record = NULL;
	int ret = 0;

	while (!ret && (record = record_find(p->records, RECORD_SYSV_SEM, record)))
		ret = restore_set(p, record);
	while (!ret && (record = record_find(p->records, RECORD_SYSV_MSG, record)))
		ret = restore_queue(p, record);
	return ret;
}

const struct resource sysv_ipc_resource = {
	.name = "System V IPC",
	.capture = ipc_capture,
	.restore_shared = ipc_restore_shared,
};
