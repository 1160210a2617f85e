/*
 * Metadata records of an image: numbers are part of the file format (docs/image-format.md): append
 * only. Each payload struct is defined in the one file that writes and reads it.
 * 1-99 process and threads, 100-199 memory, 200-299 descriptors and files, 300-399 IPC, 400-499
 * sockets, 500-599 plugins.
 */
#ifndef RECORDS_H
#define RECORDS_H

enum record_type {
	RECORD_PROCESS = 1,   /* ids, tree, session: restart/tree reads it before anything else */
	RECORD_THREAD = 2,    /* one per thread, the leader first */
	RECORD_XSTATE = 3,    /* follows its thread's record */
	RECORD_SIGACTIONS = 4,
	RECORD_PENDING_SIGNAL = 5,
	RECORD_ITIMERS = 6,
	RECORD_POSIX_TIMER = 7,
	RECORD_LIMITS = 8,
	RECORD_CREDENTIALS = 9,
	RECORD_ATTRIBUTES = 10, /* umask, prctl, personality, dumpable, ... */
	RECORD_CPU = 11,        /* CPUID leaves and xstate layout */
	RECORD_CLOCKS = 12,     /* CLOCK_MONOTONIC and CLOCK_BOOTTIME as the program saw them */
	RECORD_CWD = 13,
	RECORD_ROOT = 14,
	RECORD_EXECUTABLE = 15,
	RECORD_SECCOMP = 16, /* the filters of one thread */
	RECORD_THREAD_POLICY = 17, /* where memory of one thread is to lie, if it says so */
	RECORD_LDT = 18,     /* the local descriptor table, if there is one */

	RECORD_MM = 100, /* struct prctl_mm_map and brk, auxv as tail */
	RECORD_VMA = 101,
	RECORD_MAPPED_FILE = 102, /* identity of a mapped file, content object if carried */
	RECORD_VDSO = 103,
	RECORD_GUARD = 104,    /* a range of guard markers (MADV_GUARD_INSTALL) */
	RECORD_COPIED = 105,   /* a range of private copies of file pages: zero unless a run says more */
	RECORD_RANGE_POLICY = 106, /* where a mapping is to lie, if the program says so */
	RECORD_AIO = 107, /* a ring of asynchronous I/O */
	RECORD_MEMORY_LOCK = 108, /* memory to come is locked (mlockall) */

	RECORD_DESCRIPTOR = 200, /* number -> file id, close-on-exec */
	RECORD_FILE = 201,       /* an open file description: id, kind, flags, position, payload */
	RECORD_LOCK = 202,       /* flock, POSIX, OFD lock or lease on a descriptor */
	RECORD_BACKLOG = 203,    /* a client that has spoken before it was accepted */

	RECORD_SYSV_SHM = 300, /* a System V segment that is attached */
	RECORD_SYSV_SEM = 301, /* a set of semaphores */
	RECORD_SYSV_MSG = 302, /* a message queue */
	RECORD_SYSV_UNDO = 303, /* what a process has to give back to a set of semaphores */

	RECORD_RESTART_WORD = 500, /* where the program looks whether it has been restarted */
	RECORD_HELPER = 501, /* the thread that runs the hooks of plugins */
	RECORD_PATH_MAPPING = 502, /* text: DMTCP_PATH_MAPPING as the program has it */
	RECORD_NOTES = 503, /* terminated strings of plugins for readers: key, value, key, ... */
};

#endif
