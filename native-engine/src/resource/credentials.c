#include "credentials.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../restart/rebuild.h"
#include "../trace/status.h"
#include "records.h"

#define GROUPS_AT_MOST ((int)(sizeof(((struct proc_status *)0)->groups) / sizeof(uint32_t)))

struct credentials_record { /* RECORD_CREDENTIALS; the supplementary groups are the tail */
	int32_t virtual_tid; /* the leader's is first; then those of threads that differ from it */
	uint32_t secure_bits;
	uint32_t real_uid, effective_uid, saved_uid, fs_uid;
	uint32_t real_gid, effective_gid, saved_gid, fs_gid;
	uint64_t inheritable, permitted, effective, bounding, ambient;
};

/* ---- capture ---- */

static void fill(struct credentials_record *record, const struct proc_status *status)
{
	memset(record, 0, sizeof(*record));
	record->real_uid = status->real_uid;
	record->effective_uid = status->effective_uid;
	record->saved_uid = status->saved_uid;
	record->fs_uid = status->fs_uid;
	record->real_gid = status->real_gid;
	record->effective_gid = status->effective_gid;
	record->saved_gid = status->saved_gid;
	record->fs_gid = status->fs_gid;
	record->inheritable = status->caps_inheritable;
	record->permitted = status->caps_permitted;
	record->effective = status->caps_effective;
	record->bounding = status->caps_bounding;
	record->ambient = status->caps_ambient;
}

static int capture_thread(struct capture *c, const struct thread *t, uint32_t secure_bits,
			  struct credentials_record *first)
{
	const struct proc_status *status = t->status;
	struct credentials_record record;

	if (status->group_count > GROUPS_AT_MOST)
		return fault_set(c->fault, EOPNOTSUPP, "not-supported",
				 "process %d has %d supplementary groups, more than %d",
				 c->process->pid, status->group_count, GROUPS_AT_MOST);
	fill(&record, status);
	record.secure_bits = secure_bits;
	if (first->virtual_tid) { /* the same in all but the number */
		record.virtual_tid = first->virtual_tid;
		if (!memcmp(&record, first, sizeof(record)))
			return 0;
	}
	record.virtual_tid = t->virtual_tid;
	record_append(c->records, RECORD_CREDENTIALS, &record, sizeof(record), status->groups,
		      status->group_count * sizeof(uint32_t));
	if (!first->virtual_tid)
		*first = record;
	return 0;
}

static int capture(struct capture *c)
{
	struct process *p = c->process;
	struct thread *t = process_live_thread(p);
	struct credentials_record first = { 0 };
	long secure_bits;
	size_t i;
	int ret;

	if (!t)
		return 0;
	ret = inject_one(t, &secure_bits, SYS_prctl, PR_GET_SECUREBITS, 0, 0, 0, 0, 0, c->fault);
	if (ret < 0)
		return ret;
	for (i = 0; i < p->thread_count && !ret; i++)
		if (!p->threads[i].exited_leader)
			ret = capture_thread(c, &p->threads[i], secure_bits < 0 ? 0 : secure_bits,
					     &first);
	if (ret < 0)
		return fault_set(c->fault, -ret, "internal", "credentials of process %d: %s", p->pid,
				 strerror(-ret));
	return 0;
}

/* ---- verify ---- */

static bool may(uint64_t effective, int capability)
{
	return effective >> capability & 1;
}

static int refuse_id(struct image_reader *image, const char *what, uint32_t id, struct fault *fault)
{
	return fault_set(fault, EPERM, "identity-unavailable",
			 "%s (%d) ran with %s %u, which user %u cannot have", image->header.program,
			 image->header.virtual_pid, what, id, geteuid());
}

static int verify_groups(struct image_reader *image, const struct record *r, struct fault *fault)
{
	uint32_t wanted[GROUPS_AT_MOST];
	gid_t ours[65536 / sizeof(gid_t)];
	size_t bytes, i;
	const void *tail = record_tail(r, sizeof(struct credentials_record), &bytes);
	int count = getgroups(sizeof(ours) / sizeof(ours[0]), ours), k;

	if (bytes > sizeof(wanted))
		bytes = sizeof(wanted);
	memcpy(wanted, tail, bytes);
	for (i = 0; i < bytes / sizeof(wanted[0]); i++) {
		for (k = 0; k < count; k++)
			if (ours[k] == wanted[i])
				break;
		/* 65534 is how a namespace without a mapping shows a group: it cannot be asked for. */
		if (k >= count && wanted[i] != getegid() && wanted[i] != 65534)
			return refuse_id(image, "supplementary group", wanted[i], fault);
	}
	return 0;
}

static int verify(struct image_reader *image, struct fault *fault)
{
	const struct record *r = NULL;
	struct proc_status us;
	int ret = proc_status(getpid(), &us);

	if (ret < 0)
		return fault_set(fault, -ret, "internal", "/proc/self/status: %s", strerror(-ret));
	while ((r = record_find(&image->records, RECORD_CREDENTIALS, r))) {
		struct credentials_record record;
		const uint32_t *uids = &record.real_uid, *gids = &record.real_gid;
		uint64_t lacking;
		int i;

		record_head(r, &record, sizeof(record));
		for (i = 0; i < 4 && !may(us.caps_effective, CAP_SETUID); i++)
			if (uids[i] != us.effective_uid)
				return refuse_id(image, "uid", uids[i], fault);
		for (i = 0; i < 4 && !may(us.caps_effective, CAP_SETGID); i++)
			if (gids[i] != us.effective_gid)
				return refuse_id(image, "gid", gids[i], fault);
		if (!may(us.caps_effective, CAP_SETGID))
			ret = verify_groups(image, r, fault);
		if (ret < 0)
			return ret;
		/* Root has what root has here; another's capabilities were given for a purpose. */
		lacking = record.permitted & ~us.caps_permitted;
		if (lacking && record.effective_uid)
			return fault_set(fault, EPERM, "identity-unavailable",
					 "%s (%d) had capabilities that user %u has not: %#llx",
					 image->header.program, image->header.virtual_pid,
					 geteuid(), (unsigned long long)lacking);
	}
	return 0;
}

/* ---- restore ---- */

/* One thread's way from what it has to what it had, in injected calls. */
struct change {
	struct rebuilt_process *rebuilt;
	struct thread *thread;
	uint64_t scratch;
	struct proc_status now;
	struct credentials_record wanted;
	const uint32_t *groups;
	int group_count;
	bool user_namespace;
};

static int call(struct change *c, const char *what, long number, uint64_t a1, uint64_t a2,
		uint64_t a3)
{
	long result;
	int ret = inject_syscall(c->thread, &result, number, a1, a2, a3, 0, 0, 0);

	if (!ret)
		ret = result < 0 ? (int)result : 0;
	if (ret < 0)
		return fault_set(c->rebuilt->fault, -ret, "identity-unavailable",
				 "%s of thread %d: %s", what, c->thread->virtual_tid,
				 strerror(-ret));
	return 0;
}

static bool groups_differ(const struct change *c)
{
	return c->now.group_count != c->group_count ||
	       memcmp(c->now.groups, c->groups, c->group_count * sizeof(uint32_t));
}

static int set_ids(struct change *c)
{
	const struct credentials_record *w = &c->wanted;
	const struct proc_status *n = &c->now;
	int ret = 0;

	/* In a user namespace all these are ours already (verify), or nobody's to change. */
	if (!c->user_namespace && groups_differ(c)) {
		ret = process_write(c->thread->process, c->scratch, c->groups,
				    c->group_count * sizeof(uint32_t));
		if (!ret)
			ret = call(c, "supplementary groups", SYS_setgroups, c->group_count,
				   c->scratch, 0);
	}
	if (!ret && (w->real_gid != n->real_gid || w->effective_gid != n->effective_gid ||
		     w->saved_gid != n->saved_gid))
		ret = call(c, "group ids", SYS_setresgid, w->real_gid, w->effective_gid,
			   w->saved_gid);
	if (!ret && w->fs_gid != w->effective_gid)
		ret = call(c, "file system gid", SYS_setfsgid, w->fs_gid, 0, 0);
	if (ret || (w->real_uid == n->real_uid && w->effective_uid == n->effective_uid &&
		    w->saved_uid == n->saved_uid && w->fs_uid == n->fs_uid))
		return ret;
	/* Capabilities are to outlive the change of the uid; they are set exactly below. */
	ret = call(c, "keeping capabilities", SYS_prctl, PR_SET_KEEPCAPS, 1, 0);
	if (!ret)
		ret = call(c, "user ids", SYS_setresuid, w->real_uid, w->effective_uid,
			   w->saved_uid);
	if (!ret && w->fs_uid != w->effective_uid)
		ret = call(c, "file system uid", SYS_setfsuid, w->fs_uid, 0, 0);
	if (!ret)
		ret = call(c, "keeping capabilities", SYS_prctl, PR_SET_KEEPCAPS, 0, 0);
	c->now.caps_effective = 0; /* setresuid(2) from root: kept, but not in effect */
	return ret;
}

static int put_capabilities(struct change *c, uint64_t permitted, uint64_t effective,
			    uint64_t inheritable)
{
	struct {
		struct __user_cap_header_struct header;
		struct __user_cap_data_struct data[2];
	} caps = {
		.header = { .version = _LINUX_CAPABILITY_VERSION_3 },
		.data = { { effective, permitted, inheritable },
			  { effective >> 32, permitted >> 32, inheritable >> 32 } },
	};
	int ret = process_write(c->thread->process, c->scratch, &caps, sizeof(caps));

	return ret ? ret : call(c, "capabilities", SYS_capset, c->scratch,
				c->scratch + sizeof(caps.header), 0);
}

/* All but "keep" takes CAP_SETPCAP, which a change of the uid has put out of effect. */
static int set_secure_bits(struct change *c)
{
	uint32_t bits = c->wanted.secure_bits;
	int ret;

	if (!bits)
		return 0;
	if (bits == SECBIT_KEEP_CAPS)
		return call(c, "keeping capabilities", SYS_prctl, PR_SET_KEEPCAPS, 1, 0);
	ret = put_capabilities(c, c->now.caps_permitted, c->now.caps_permitted,
			       c->now.caps_inheritable);
	c->now.caps_effective = c->now.caps_permitted;
	return ret ? ret : call(c, "secure bits", SYS_prctl, PR_SET_SECUREBITS, bits, 0);
}

static int set_capabilities(struct change *c)
{
	/* In a namespace of ours a root-like set is there, but worth only what the namespace is. */
	uint64_t permitted = c->wanted.permitted & c->now.caps_permitted;
	uint64_t effective = c->wanted.effective & permitted;
	uint64_t inheritable = c->wanted.inheritable &
			       (c->now.caps_inheritable | c->now.caps_permitted);
	uint64_t ambient = c->wanted.ambient & permitted & inheritable;
	int capability, ret = 0;

	if (c->now.caps_permitted == permitted && c->now.caps_effective == effective &&
	    c->now.caps_inheritable == inheritable && c->now.caps_ambient == ambient)
		return 0;
	for (capability = 0; capability < 64 && !ret; capability++)
		if ((c->now.caps_ambient & ~ambient) >> capability & 1 &&
		    (permitted & inheritable) >> capability & 1)
			ret = call(c, "ambient capabilities", SYS_prctl, PR_CAP_AMBIENT,
				   PR_CAP_AMBIENT_LOWER, capability);
	if (!ret)
		ret = put_capabilities(c, permitted, effective, inheritable);
	for (capability = 0; capability < 64 && !ret; capability++)
		if ((ambient & ~c->now.caps_ambient) >> capability & 1)
			ret = call(c, "ambient capabilities", SYS_prctl, PR_CAP_AMBIENT,
				   PR_CAP_AMBIENT_RAISE, capability);
	return ret;
}

static int change_thread(struct rebuilt_process *p, struct thread *t, const struct record *r,
			 const struct proc_status *now)
{
	struct change c = {
		.rebuilt = p, .thread = t, .now = *now,
		.user_namespace = p->rebuild->user_namespace,
	};
	size_t bytes;
	int ret, end;

	record_head(r, &c.wanted, sizeof(c.wanted));
	c.groups = record_tail(r, sizeof(c.wanted), &bytes);
	c.group_count = bytes / sizeof(uint32_t);
	ret = inject_begin(t, p->fault);
	if (ret < 0)
		return ret;
	ret = inject_scratch(t, &c.scratch, p->fault);
	if (!ret)
		ret = set_ids(&c);
	if (!ret)
		ret = set_secure_bits(&c);
	if (!ret)
		ret = set_capabilities(&c);
	end = inject_end(t);
	return ret ? ret : end;
}

/* Threads made later inherit the bounding set; what is permitted stays until they are there. */
static int restore_inside(struct rebuilt_process *p)
{
	const struct record *r = record_find(p->records, RECORD_CREDENTIALS, NULL);
	struct credentials_record record;
	int capability;

	if (!r)
		return 0;
	record_head(r, &record, sizeof(record));
	for (capability = 0; capability < 64; capability++)
		if (!(record.bounding >> capability & 1) &&
		    prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			return fault_set(p->fault, errno, "identity-unavailable",
					 "capability %d cannot be dropped: %s", capability,
					 strerror(errno));
	return 0;
}

/* After the threads were made and the mappings described: both need what is given up here. */
static int restore_outside(struct rebuilt_process *p)
{
	const struct record *leader = record_find(p->records, RECORD_CREDENTIALS, NULL), *r;
	struct process *process = p->process;
	struct proc_status now;
	size_t i;
	int ret;

	if (!leader)
		return 0;
	/* All have what the leader had when it made them. */
	ret = proc_status(process->pid, &now);
	if (ret < 0)
		return fault_set(p->fault, -ret, "internal", "credentials of process %d: %s",
				 process->virtual_pid, strerror(-ret));
	for (i = 0; i < process->thread_count && !ret; i++) {
		struct thread *t = &process->threads[i];
		const struct record *own = leader;

		for (r = leader; (r = record_find(p->records, RECORD_CREDENTIALS, r));) {
			struct credentials_record record;

			record_head(r, &record, sizeof(record));
			if (record.virtual_tid == t->virtual_tid)
				own = r;
		}
		ret = change_thread(p, t, own, &now);
	}
	return ret;
}

static void describe(struct image_reader *image, json_t *out)
{
	const struct record *record = record_find(&image->records, RECORD_CREDENTIALS, NULL);
	struct credentials_record r;

	if (!record)
		return;
	record_head(record, &r, sizeof(r));
	json_object_set_new(out, "uid", json_integer(r.effective_uid));
	json_object_set_new(out, "gid", json_integer(r.effective_gid));
	json_object_set_new(out, "privileged", json_boolean(r.effective != 0));
}

const struct resource resource_credentials = {
	.name = "credentials",
	.capture = capture,
	.verify = verify,
	.restore_inside = restore_inside,
	.restore_outside = restore_outside,
	.describe = describe,
};
