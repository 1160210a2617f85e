/*
 * Open file descriptions ("files") by kind. Each kind has one file here with its capture and its
 * restore, and one line in descriptor_table.c. resource/descriptors.c walks them.
 *
 * Restore: every file is opened once, in the builder, before any process exists, at a high number;
 * new processes inherit it, dup it to its numbers and close the rest. So sharing by dup, fork and
 * SCM_RIGHTS comes back by itself.
 */
#ifndef DESCRIPTOR_H
#define DESCRIPTOR_H

#include <sys/stat.h>

#include "../common/json.h"
#include "../resource/resource.h"

/* What is known of a descriptor without consuming or changing anything. */
struct descriptor_view {
	pid_t pid; /* as the engine sees it */
	int number;
	const char *link;      /* readlink /proc/PID/fd/N */
	struct stat status;    /* of the file */
	uint32_t flags;        /* open flags from fdinfo, without O_CLOEXEC */
	bool close_on_exec;
	int64_t position;
	const char *fdinfo;    /* whole text of /proc/PID/fdinfo/N */
	uint32_t filesystem;   /* f_type of statfs(2) */
	char protocol[24];     /* of a socket: "TCP", "UNIX-STREAM"; else "" */
	bool written_through_mapping; /* not a descriptor: a mapping, shared and writable */
	/* our duplicate (pidfd_getfd), -1 in check(); never change its state */
	int borrowed;
};

struct file_record { /* RECORD_FILE head; the tail is the kind's own payload */
	uint64_t id;     /* unique in the round over all hosts: same id = same description */
	uint32_t kind;
	uint32_t flags;
	int64_t position;
	int32_t owner_kind, owner_virtual_pid, owner_signal; /* F_SETOWN_EX, F_SETSIG */
	uint32_t reserved;
};

struct descriptor_record { /* RECORD_DESCRIPTOR */
	uint64_t file_id;
	int32_t number;
	uint32_t close_on_exec;
};

enum file_kind { /* part of the image format: append only */
	FILE_REGULAR = 1, FILE_DIRECTORY = 2, FILE_CHARDEV = 3, FILE_TERMINAL = 4, FILE_PIPE = 5,
	FILE_FIFO = 6, FILE_EVENTFD = 7, FILE_EPOLL = 8, FILE_SIGNALFD = 9, FILE_TIMERFD = 10,
	FILE_INOTIFY = 11, FILE_MEMFD = 12, FILE_PIDFD = 13, FILE_PROC = 14, FILE_PTY_MASTER = 15,
	FILE_PTY_SLAVE = 16, FILE_UNIX_SOCKET = 17, FILE_INET_SOCKET = 18, FILE_NETLINK = 19,
	FILE_MQUEUE = 20, FILE_PATH = 21,
};

/*
 * The tail of RECORD_FILE is the kind's own struct, whose first member is a uint32_t with the bytes
 * of the struct as written: what follows (a path, queued data) is found behind it.
 */
void file_payload_head(const void *payload, size_t bytes, void *head, size_t head_bytes);
const void *file_payload_tail(const void *payload, size_t bytes, size_t *tail_bytes);

/* describe of kinds whose tail is a path or a name. */
void file_payload_describe_path(const void *payload, size_t bytes, json_t *out);
/* An id of the round, as text: JSON's numbers do not hold 64 bits. */
json_t *file_id_text(uint64_t id);

struct file_kind_ops {
	uint32_t kind;
	const char *name; /* for messages: "pipe" */
	bool (*claims)(const struct descriptor_view *d);
	/* NULL: never. Right after the freeze: does something wait that only the program can take? */
	bool (*unsettled)(struct round *r);
	/*
	 * NULL: nothing to do. Once per round when everything is frozen, before any capture: lets
	 * data in flight arrive (sockets) or learns what needs a look at all members. refill takes
	 * it back before the thaw, also after a failure.
	 */
	int (*drain)(struct round *r, uint32_t timeout_ms, struct fault *fault);
	void (*refill)(struct round *r);
	/*
	 * NULL: fine. Before the round: -EOPNOTSUPP and a fault when this one cannot be captured.
	 */
	int (*check)(pid_t pid, const struct descriptor_view *d, struct fault *fault);
	/*
	 * Appends the payload (tail of RECORD_FILE) of one description; once per round and image.
	 */
	int (*capture)(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
		       struct buffer *payload);
	/*
	 * For dmtcp_inspect: what the payload says, as fields of @out. Payloads may be hostile. NULL: nothing
	 * beside what every file has.
	 */
	void (*describe)(const void *payload, size_t bytes, json_t *out);
	/* In dmtcp_restart before anything is created: file gone, shorter, changed? */
	int (*verify)(struct image_reader *image, const struct file_record *f, const void *payload,
		      size_t bytes, struct fault *fault);
	/* In the builder, once per id: returns the open descriptor in *@fd. */
	int (*restore)(struct rebuilt_process *p, const struct file_record *f,
		       const void *payload, size_t bytes, int *fd);
	/*
	 * In each process that has it, before it is put at its numbers: in place of what restore
	 * opened, for what can only be opened when the processes exist (it is not shared then).
	 * *@fd stays -1: no change.
	 */
	int (*restore_inside)(struct rebuilt_process *p, const struct file_record *f,
			      const void *payload, size_t bytes, int *fd);
	/* In each process that has it, once all its numbers are in place (epoll, locks, owner). */
	int (*restore_in_owner)(struct rebuilt_process *p, const struct file_record *f,
				const void *payload, size_t bytes, int number);
	/*
	 * By the builder for each process that has it, when nothing will be closed in it any more:
	 * with injected calls, for what a close(2) of any of its descriptors would undo.
	 */
	int (*restore_from_outside)(struct rebuilt_process *p, const struct file_record *f,
				    const void *payload, size_t bytes, int number);
	/* In the builder when all processes stand complete, just before they run; once per id. */
	int (*restore_last)(struct rebuilt_process *p, const struct file_record *f,
			    const void *payload, size_t bytes, int fd);
};

extern const struct file_kind_ops *const descriptor_table[]; /* first claim wins; NULL ends */

#endif
