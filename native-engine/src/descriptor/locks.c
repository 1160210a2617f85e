#include "locks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "../resource/records.h"

enum lock_kind { /* part of the image format: append only */
	LOCK_FLOCK = 1, LOCK_POSIX = 2, LOCK_OFD = 3, LOCK_LEASE = 4,
};

struct lock_record { /* RECORD_LOCK */
	uint64_t file_id;
	int32_t number;
	uint32_t kind;
	uint32_t type; /* F_RDLCK, F_WRLCK */
	uint32_t reserved;
	uint64_t start, bytes; /* 0 bytes: to the end of the file, however it grows */
};

static uint32_t lock_kind(const char *word)
{
	static const char *const words[] = { "", "FLOCK", "POSIX", "OFDLCK", "LEASE" };

	for (uint32_t n = 1; n < sizeof(words) / sizeof(*words); n++)
		if (!strcmp(word, words[n]))
			return n;
	return 0;
}

/* One line of fdinfo, as in /proc/locks: proc_pid_fdinfo(5), proc_locks(5). */
static bool parse_line(const char *line, struct lock_record *lock, long *pid)
{
	char kind[16], mode[16], type[16], end[32];
	unsigned long long start;

	if (sscanf(line, "lock:\t%*d: %15s %15s %15s %ld %*s %llu %31s", kind, mode, type, pid,
		   &start, end) != 6)
		return false;
	lock->kind = lock_kind(kind);
	if (!lock->kind)
		return false;
	if (!strcmp(type, "WRITE"))
		lock->type = F_WRLCK;
	else if (!strcmp(type, "READ"))
		lock->type = F_RDLCK;
	else
		return false; /* a lease that is being given up */
	lock->start = start;
	lock->bytes = strcmp(end, "EOF") ? strtoull(end, NULL, 10) - start + 1 : 0;
	return true;
}

void locks_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id)
{
	const char *line = d->fdinfo;

	for (; (line = strstr(line, "lock:")); line++) {
		struct lock_record lock = { .file_id = file_id, .number = d->number };
		long pid;

		if (!parse_line(line, &lock, &pid))
			continue;
		/* fdinfo also shows a relative's POSIX lock that was set through this same file. */
		if (lock.kind == LOCK_POSIX && pid != c->process->pid)
			continue;
		record_append(c->records, RECORD_LOCK, &lock, sizeof(lock), NULL, 0);
	}
}

static struct flock range_of(const struct lock_record *lock)
{
	return (struct flock){
		.l_type = lock->type,
		.l_whence = SEEK_SET,
		.l_start = lock->start,
		.l_len = lock->bytes,
	};
}

static int take(const struct lock_record *lock)
{
	struct flock range = range_of(lock);

	switch (lock->kind) {
	case LOCK_FLOCK:
		return flock(lock->number, (lock->type == F_WRLCK ? LOCK_EX : LOCK_SH) | LOCK_NB);
	case LOCK_OFD:
		return fcntl(lock->number, F_OFD_SETLK, &range);
	case LOCK_LEASE:
		return fcntl(lock->number, F_SETLEASE, lock->type);
	}
	errno = EPROTO;
	return -1;
}

static int refuse(struct rebuilt_process *p, const struct lock_record *lock, int error)
{
	static const char *const names[] = { "", "flock", "record lock", "open file lock",
			"lease" };

	return fault_set(p->fault, error, "file-locked",
			 "process %d: the %s on descriptor %d cannot be taken again: %s",
			 p->image->header.virtual_pid,
			 lock->kind <= LOCK_LEASE ? names[lock->kind] : "lock", lock->number,
			 strerror(error));
}

int locks_restore(struct rebuilt_process *p)
{
	const struct record *record = NULL;

	while ((record = record_find(p->records, RECORD_LOCK, record))) {
		struct lock_record lock;

		record_head(record, &lock, sizeof(lock));
		if (lock.kind != LOCK_POSIX && take(&lock))
			return refuse(p, &lock, errno);
	}
	return 0;
}

int locks_restore_last(struct rebuilt_process *p)
{
	const struct record *record = NULL;
	struct lock_record lock;
	struct flock range;
	uint64_t scratch;
	long result = 0;
	int ret = 0;

	while (!ret && (record = record_find(p->records, RECORD_LOCK, record))) {
		struct thread *t = &p->process->threads[0];

		record_head(record, &lock, sizeof(lock));
		if (lock.kind != LOCK_POSIX)
			continue;
		range = range_of(&lock);
		ret = inject_begin(t, p->fault);
		if (ret)
			return ret;
		ret = inject_scratch(t, &scratch, p->fault);
		if (!ret)
			ret = process_write(p->process, scratch, &range, sizeof(range));
		if (!ret)
			ret = inject_syscall(t, &result, SYS_fcntl, lock.number, F_SETLK, scratch,
					     0, 0, 0);
		inject_scratch_free(t);
		inject_end(t);
		if (!ret && result < 0)
			ret = refuse(p, &lock, -result);
	}
	return ret;
}
