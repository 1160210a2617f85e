/*
 * The interface between a program, or a plugin, and the checkpoint system. Source-compatible with
 * that of DMTCP 5.0.
 *
 * A program calls these functions directly, without linking with anything: where the system is
 * absent they say so (DMTCP_NOT_PRESENT). A plugin is a shared library given to
 * `dmtcp_launch --with-plugin`; it registers a hook with DMTCP_DECL_PLUGIN and hears of events. See
 * docs/plugin-tutorial.md; docs/plugin-reference.md is made from the comments of this file.
 */
#ifndef DMTCP_H
#define DMTCP_H

#include <dlfcn.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "dmtcp/version.h"

#ifdef __cplusplus
#define EXTERNC extern "C"
#else
#define EXTERNC
#endif

#ifndef LIB_PRIVATE
#define LIB_PRIVATE __attribute__((visibility("hidden")))
#endif
#define DMTCP_WEAK __attribute__((weak))

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- events ---- */

/*
 * What a hook hears of. "Order F": in the order in which plugins were given, "R": in the reverse.
 * The helper thread is the library's own.
 */
typedef enum eDmtcpEvent {
	DMTCP_EVENT_INIT = 0,        /* F. The library is loaded: main thread, before main(); anew after exec. */
	DMTCP_EVENT_EXIT,            /* R. The program ends by exit() or by returning from main(). */
	DMTCP_EVENT_PRE_EXEC,        /* F. Calling thread of execve() and its kin; data preExec. */
	DMTCP_EVENT_POST_EXEC,       /* F. In the new program, before INIT; data postExec. */
	DMTCP_EVENT_ATFORK_PREPARE,  /* F. Calling thread, before fork(). */
	DMTCP_EVENT_ATFORK_PARENT,   /* R. After it, in the parent. */
	DMTCP_EVENT_ATFORK_CHILD,    /* R. After it, in the child. */
	DMTCP_EVENT_ATFORK_FAILED,   /* R. After it, when there is no child. */
	DMTCP_EVENT_VFORK_PREPARE,   /* F. Calling thread, before vfork(); DMTCP itself never raises these. */
	DMTCP_EVENT_VFORK_PARENT,    /* R. In the parent, when the child has ended or executed another program. */
	DMTCP_EVENT_VFORK_CHILD,     /* R. In the child, which borrows the parent's memory: change nothing. */
	DMTCP_EVENT_VFORK_FAILED,    /* R. In the parent, when there is no child. */
	DMTCP_EVENT_PTHREAD_START,   /* F. A new thread, before its function; DMTCP itself never raises it. */
	DMTCP_EVENT_PTHREAD_EXIT,    /* R. That thread, when it calls pthread_exit(). */
	DMTCP_EVENT_PTHREAD_RETURN,  /* R. That thread, when its function has returned. */
	DMTCP_EVENT_PRESUSPEND,      /* F. A checkpoint begins; helper thread, the others run. */
	DMTCP_EVENT_PRECHECKPOINT,   /* F. Helper thread; no other thread of the computation runs. */
	DMTCP_EVENT_RESUME,          /* R. As before, behind the snapshot; also when the checkpoint failed. */
	DMTCP_EVENT_RESTART,         /* R. As before, in the restarted process. */
	DMTCP_EVENT_RUNNING,         /* F. Helper thread, each time it begins to wait for a checkpoint. */
	DMTCP_EVENT_THREAD_RESUME,   /* R. After a restart, in every thread, before it goes on; last in the helper thread. */
	DMTCP_EVENT_OPEN_FD,         /* F. Calling thread, after open(), creat(), fopen(); data openFd. */
	DMTCP_EVENT_REOPEN_FD,       /* F. After freopen(); data reopenFd. */
	DMTCP_EVENT_CLOSE_FD,        /* F. After close(), fclose(); data closeFd. */
	DMTCP_EVENT_DUP_FD,          /* F. After dup(), dup2(), dup3(); data dupFd. */
	DMTCP_EVENT_VIRTUAL_TO_REAL_PATH, /* F. Calling thread, before a call with a name of a file; data virtualToRealPath. */
	DMTCP_EVENT_REAL_TO_VIRTUAL_PATH, /* R. After getcwd(), realpath(), readlink(); data realToVirtualPath. */
	nDmtcpEvents
} DmtcpEvent_t;

/* What comes with an event; NULL for all that are not named here. */
typedef union _DmtcpEventData_t {
	struct {
		int serializationFd; /* inherited by the new program: leave it something to read */
		char *filename;
		size_t maxArgs;
		const char **argv;
		size_t maxEnv;
		const char **envp;
	} preExec;
	struct {
		int serializationFd; /* what PRE_EXEC has written, from its beginning; it is closed afterwards */
	} postExec;
	struct {
		int isRestart;
	} resumeUserThreadInfo, nameserviceInfo;
	struct {
		int fd;
		const char *path;
		int flags;
		mode_t mode;
	} openFd;
	struct {
		int fd;
		const char *path;
		int flags;
	} reopenFd;
	struct {
		int fd;
	} closeFd;
	struct {
		int oldFd;
		int newFd;
	} dupFd;
	struct {
		char *path; /* PATH_MAX bytes: changed in place */
	} realToVirtualPath, virtualToRealPath;
} DmtcpEventData_t;

typedef void (*HookFunctionPtr_t)(const DmtcpEvent_t, DmtcpEventData_t *);

/* ---- registration ---- */

#define DMTCP_PLUGIN_API_VERSION "4"

typedef struct DmtcpPluginDescriptor_t {
	const char *pluginApiVersion; /* DMTCP_PLUGIN_API_VERSION; another one is refused */
	const char *dmtcpVersion;     /* DMTCP_PACKAGE_VERSION */
	const char *pluginName;       /* by which failures are reported */
	const char *authorName;
	const char *authorEmail;
	const char *description;
	void (*event_hook)(const DmtcpEvent_t event, DmtcpEventData_t *data); /* may be NULL */
} DmtcpPluginDescriptor_t;

/* Adds a plugin. Called by what DMTCP_DECL_PLUGIN defines. */
void dmtcp_register_plugin(DmtcpPluginDescriptor_t descriptor) DMTCP_WEAK;
/* Registers all plugins, one library after the other. */
void dmtcp_initialize_plugin(void) DMTCP_WEAK;

/* Once per library, with its descriptor. */
#define DMTCP_DECL_PLUGIN(descriptor)                                                     \
	EXTERNC void dmtcp_initialize_plugin(void)                                        \
	{                                                                                 \
		void (*dmtcp_next)(void);                                                 \
		if (dmtcp_register_plugin)                                                \
			dmtcp_register_plugin(descriptor);                                \
		*(void **)&dmtcp_next = dlsym(RTLD_NEXT, "dmtcp_initialize_plugin");      \
		if (dmtcp_next)                                                           \
			dmtcp_next();                                                     \
	}

/* ---- wrappers ---- */

/* dlsym(3) and dlvsym(3); with RTLD_NEXT what follows the library of the caller. */
void *dmtcp_dlsym(void *handle, const char *symbol) DMTCP_WEAK;
void *dmtcp_dlvsym(void *handle, const char *symbol, const char *version) DMTCP_WEAK;
/* @symbol of the loaded library whose path contains @library. NULL: there is none. */
void *dmtcp_dlsym_lib(const char *library, const char *symbol) DMTCP_WEAK;
/* Its distance from the beginning of the library, (uint64_t)-1: none. */
uint64_t dmtcp_dlsym_lib_fnc_offset(const char *library, const char *symbol) DMTCP_WEAK;

/*
 * The next definition of @fnc behind this library: what a wrapper calls. Wrappers of several plugins nest
 * in the order in which they were given.
 */
#define NEXT_FNC(fnc)                                                                 \
	({                                                                            \
		static __typeof__(&fnc) dmtcp_real_##fnc = (__typeof__(&fnc))-1;      \
		if (dmtcp_real_##fnc == (__typeof__(&fnc))-1)                         \
			dmtcp_real_##fnc = (__typeof__(&fnc))dlsym(RTLD_NEXT, #fnc);  \
		dmtcp_real_##fnc;                                                     \
	})
/* The same with a symbol version. */
#define NEXT_FNC_V(fnc, version)                                                              \
	({                                                                                    \
		static __typeof__(&fnc) dmtcp_real_##fnc = (__typeof__(&fnc))-1;              \
		if (dmtcp_real_##fnc == (__typeof__(&fnc))-1)                                 \
			dmtcp_real_##fnc = (__typeof__(&fnc))dlvsym(RTLD_NEXT, #fnc, version); \
		dmtcp_real_##fnc;                                                             \
	})
/* The definition in a named library. */
#define NEXT_FNC_LIB(library, fnc)                                                               \
	({                                                                                       \
		static __typeof__(&fnc) dmtcp_real_##fnc = (__typeof__(&fnc))-1;                 \
		if (dmtcp_real_##fnc == (__typeof__(&fnc))-1)                                    \
			dmtcp_real_##fnc = (__typeof__(&fnc))dmtcp_dlsym_lib(library, #fnc);     \
		dmtcp_real_##fnc;                                                                \
	})

/* ---- a program asks for its checkpoints ---- */

#define DMTCP_AFTER_CHECKPOINT 1
#define DMTCP_AFTER_RESTART 2
#define DMTCP_NOT_PRESENT 3
#define DMTCP_IS_PRESENT 4
#ifndef DMTCP_FAIL_RC
#define DMTCP_FAIL_RC 99
#endif

/* 1: under checkpoint control; 0: not. */
int dmtcp_is_enabled(void) DMTCP_WEAK;
#define dmtcp_is_enabled() (dmtcp_is_enabled ? dmtcp_is_enabled() : 0)

/*
 * Checkpoints the computation and returns when the images are on disk (DMTCP_AFTER_CHECKPOINT), or in
 * the restarted process (DMTCP_AFTER_RESTART). 0: the checkpoint failed, the program goes on (errno is
 * EIO, or EDEADLK in a hook of a plugin).
 */
int dmtcp_checkpoint(void) DMTCP_WEAK;
#define dmtcp_checkpoint() (dmtcp_checkpoint ? dmtcp_checkpoint() : DMTCP_NOT_PRESENT)

/*
 * No checkpoint of this process begins before as many calls of dmtcp_enable_ckpt(); one that has begun
 * waits for that, and is given up after a time. Calls nest. 1; 0: all keys of threads are used up.
 */
int dmtcp_disable_ckpt(void) DMTCP_WEAK;
#define dmtcp_disable_ckpt() (dmtcp_disable_ckpt ? dmtcp_disable_ckpt() : DMTCP_NOT_PRESENT)
/* Takes one dmtcp_disable_ckpt() back. 1; without one before, 0. */
int dmtcp_enable_ckpt(void) DMTCP_WEAK;
#define dmtcp_enable_ckpt() (dmtcp_enable_ckpt ? dmtcp_enable_ckpt() : DMTCP_NOT_PRESENT)

/* DMTCP_IS_PRESENT with the processes of the computation and whether all of them run. */
int dmtcp_get_coordinator_status(int *num_peers, int *is_running) DMTCP_WEAK;
#define dmtcp_get_coordinator_status(p, r)                                        \
	(dmtcp_get_coordinator_status ? dmtcp_get_coordinator_status(p, r) :      \
					DMTCP_NOT_PRESENT)
/* DMTCP_IS_PRESENT with how often this process was checkpointed and restarted. */
int dmtcp_get_local_status(int *num_checkpoints, int *num_restarts) DMTCP_WEAK;
#define dmtcp_get_local_status(c, r) \
	(dmtcp_get_local_status ? dmtcp_get_local_status(c, r) : DMTCP_NOT_PRESENT)

/* Path of the image of this process. */
const char *dmtcp_get_ckpt_filename(void) DMTCP_WEAK;
#define dmtcp_get_ckpt_filename() (dmtcp_get_ckpt_filename ? dmtcp_get_ckpt_filename() : NULL)
/* The name of this process, the same over restarts. */
const char *dmtcp_get_uniquepid_str(void) DMTCP_WEAK;
#define dmtcp_get_uniquepid_str() (dmtcp_get_uniquepid_str ? dmtcp_get_uniquepid_str() : NULL)
/* Where its images go. */
const char *dmtcp_get_ckpt_dir(void) DMTCP_WEAK;
#define dmtcp_get_ckpt_dir() (dmtcp_get_ckpt_dir ? dmtcp_get_ckpt_dir() : "")
/* Sets that for later checkpoints. DMTCP_IS_PRESENT. */
int dmtcp_set_ckpt_dir(const char *directory) DMTCP_WEAK;
#define dmtcp_set_ckpt_dir(d) (dmtcp_set_ckpt_dir ? dmtcp_set_ckpt_dir(d) : DMTCP_NOT_PRESENT)

/* ---- queries, for plugins: call them only where dmtcp_is_enabled() ---- */

/* Number of the checkpoint that is going on, or of the last one. */
uint32_t dmtcp_get_generation(void) DMTCP_WEAK;
/* A checkpoint has begun and the threads of the program still run. */
int checkpoint_is_pending(void) DMTCP_WEAK;
/* The threads of the program run. */
int dmtcp_is_running_state(void) DMTCP_WEAK;
const char *dmtcp_get_tmpdir(void) DMTCP_WEAK;
/* Directory beside the image where saved files of this process may be put. */
const char *dmtcp_get_ckpt_files_subdir(void) DMTCP_WEAK;
const char *dmtcp_get_executable_path(void) DMTCP_WEAK;
const char *dmtcp_get_computation_id_str(void) DMTCP_WEAK;
/* When the coordinator started, milliseconds. */
uint64_t dmtcp_get_coordinator_timestamp(void) DMTCP_WEAK;
/* The signal of --ckpt-signal. It stays the program's: threads are stopped from outside. */
int dmtcp_get_ckpt_signal(void) DMTCP_WEAK;
int dmtcp_should_ckpt_open_files(void) DMTCP_WEAK;
int dmtcp_allow_overwrite_with_ckpted_files(void) DMTCP_WEAK;
int dmtcp_skip_truncate_file_at_restart(const char *path) DMTCP_WEAK;
/* The address by which other hosts of the computation reach this one. */
void dmtcp_get_local_ip_addr(struct in_addr *in) DMTCP_WEAK;

typedef struct DmtcpUniqueProcessId {
	uint64_t _hostid;
	uint64_t _time;
	pid_t _pid;
	uint32_t _computation_generation;
} DmtcpUniqueProcessId;

DmtcpUniqueProcessId dmtcp_get_uniquepid(void) DMTCP_WEAK;
DmtcpUniqueProcessId dmtcp_get_coord_id(void) DMTCP_WEAK;
DmtcpUniqueProcessId dmtcp_get_computation_id(void) DMTCP_WEAK;
/* 1: the same process. */
int dmtcp_unique_pids_equal(DmtcpUniqueProcessId a, DmtcpUniqueProcessId b) DMTCP_WEAK;

/* Process numbers come back unchanged at a restart: both give what they are given. */
pid_t dmtcp_pid_real_to_virtual(pid_t real_pid) DMTCP_WEAK;
pid_t dmtcp_pid_virtual_to_real(pid_t virtual_pid) DMTCP_WEAK;

typedef enum eDmtcpGetRestartEnvErr {
	RESTART_ENV_SUCCESS = 0,
	RESTART_ENV_NOTFOUND = -1,
	RESTART_ENV_TOOLONG = -2,
	RESTART_ENV_DMTCP_BUF_TOO_SMALL = -3,
	RESTART_ENV_INTERNAL_ERROR = -4,
	RESTART_ENV_NULL_PTR = -5
} DmtcpGetRestartEnvErr_t;
#define DMTCP_BUF_TOO_SMALL RESTART_ENV_DMTCP_BUF_TOO_SMALL

/*
 * The value of @name in the environment in which dmtcp_restart was called; after a restart only.
 * RESTART_ENV_TOOLONG: it does not fit into @max bytes with its terminator.
 */
DmtcpGetRestartEnvErr_t dmtcp_get_restart_env(const char *name, char *value, size_t max) DMTCP_WEAK;

/* ---- barriers ---- */

/*
 * Waits until all processes of the computation that have plugins have come to the barrier @name (at
 * most 63 bytes), on all hosts. In a hook of a checkpoint that is given up meanwhile, and after a
 * limit, it does not return: the hook ends with it.
 */
void dmtcp_global_barrier(const char *name) DMTCP_WEAK;
/* The same for the processes of this host. */
void dmtcp_local_barrier(const char *name) DMTCP_WEAK;

/* ---- key-value store of the computation: C; for C++ see kvdb.h ---- */

enum dmtcp_kvdb_request {
	DMTCP_KVDB_GET, DMTCP_KVDB_SET, DMTCP_KVDB_INCRBY, DMTCP_KVDB_AND, DMTCP_KVDB_OR,
	DMTCP_KVDB_XOR, DMTCP_KVDB_MIN, DMTCP_KVDB_MAX
};
enum dmtcp_kvdb_response {
	DMTCP_KVDB_SUCCESS,
	DMTCP_KVDB_INVALID_REQUEST, /* a name is empty or too long, the store is full, no coordinator */
	DMTCP_KVDB_DB_NOT_FOUND,
	DMTCP_KVDB_KEY_NOT_FOUND
};

/*
 * One request to database @id (at most 63 bytes): @key and @value at most 1 MiB together, where a byte
 * that is no UTF-8 counts for three. SET stores; the others calculate with decimal numbers, or store where
 * there was none. @old (may be NULL) gets the value before; "0" where there was none. One that does not
 * fit into @old_bytes with its terminator is cut, and the answer is DMTCP_KVDB_INVALID_REQUEST, although
 * the request was done; so it is where @old of the last function is asked for and was no number.
 */
int dmtcp_kvdb_request(int request, const char *id, const char *key, const char *value, char *old,
		       size_t old_bytes) DMTCP_WEAK;
int dmtcp_kvdb_get(const char *id, const char *key, char *value, size_t bytes) DMTCP_WEAK;
int dmtcp_kvdb_set(const char *id, const char *key, const char *value) DMTCP_WEAK;
int dmtcp_kvdb_request64(int request, const char *id, const char *key, int64_t value,
			 int64_t *old) DMTCP_WEAK;

/* ---- hooks that a plugin may define ---- */

struct ProcMapsArea; /* procmapsarea.h */
/*
 * Asked for every region of memory, in the helper thread behind PRECHECKPOINT. Not 0: it is left out, and
 * there is no memory there after a restart; 0: it is saved, or of it what @area then says (addr and
 * endAddr, or size). Regions that cannot be checkpointed at all are refused before it is asked.
 */
int dmtcp_skip_memory_region_ckpting(struct ProcMapsArea *area) DMTCP_WEAK;
/* Asked then for every open regular file. Not 0: its content goes into the image. */
int dmtcp_must_ckpt_file(const char *path) DMTCP_WEAK;
/* Not 0: a file that differs at the restart is put aside for the one of the image. */
int dmtcp_must_overwrite_file(const char *path) DMTCP_WEAK;
/*
 * Asked after a restart, behind RESTART, for every open regular file: a path in @newpath (PATH_MAX bytes)
 * that is not @path is opened in its place, with the same flags and position.
 */
void dmtcp_get_new_file_path(const char *path, const char *cwd, char *newpath) DMTCP_WEAK;
/* Of DMTCP's plugins for batch queues and InfiniBand. Declared so that others compile: nobody asks. */
int dmtcp_is_bq_file(const char *path) DMTCP_WEAK;
int dmtcp_bq_should_ckpt_file(const char *path, int *type) DMTCP_WEAK;
int dmtcp_bq_restore_file(const char *path, const char *savedpath, int flags, int type) DMTCP_WEAK;
int dmtcp_infiniband_enabled(void) DMTCP_WEAK;

/* ---- locks ---- */

/*
 * Locks that know nothing of thread numbers: a hook may take one that a thread holds which stands still
 * only if it can be sure of that thread; they are sound over checkpoint, restart and fork.
 */
typedef enum { DMTCP_MUTEX_NORMAL, DMTCP_MUTEX_RECURSIVE, DMTCP_MUTEX_LLL } DmtcpMutexType;
typedef struct DmtcpMutex {
	uint32_t futex;
	uint32_t count;
	DmtcpMutexType type;
	uint32_t owner;
} DmtcpMutex;
#define DMTCP_MUTEX_INITIALIZER { 0, 0, DMTCP_MUTEX_NORMAL, 0 }
#define DMTCP_MUTEX_INITIALIZER_LLL { 0, 0, DMTCP_MUTEX_LLL, 0 }
#define DMTCP_MUTEX_INITIALIZER_RECURSIVE { 0, 0, DMTCP_MUTEX_RECURSIVE, 0 }

typedef struct DmtcpRWLock {
	uint32_t state;   /* readers, or ~0 while written */
	uint32_t writers; /* that wait */
} DmtcpRWLock;
#define DMTCP_RWLOCK_INITIALIZER { 0, 0 }

void DmtcpMutexInit(DmtcpMutex *mutex, DmtcpMutexType type) DMTCP_WEAK;
int DmtcpMutexLock(DmtcpMutex *mutex) DMTCP_WEAK;
/* 0, or EBUSY. */
int DmtcpMutexTryLock(DmtcpMutex *mutex) DMTCP_WEAK;
/* 0, or EPERM: it is not held, or a recursive one by another thread. */
int DmtcpMutexUnlock(DmtcpMutex *mutex) DMTCP_WEAK;
void DmtcpRWLockInit(DmtcpRWLock *lock) DMTCP_WEAK;
int DmtcpRWLockRdLock(DmtcpRWLock *lock) DMTCP_WEAK;
/* For a thread that may hold it for reading already. */
int DmtcpRWLockRdLockIgnoreQueuedWriter(DmtcpRWLock *lock) DMTCP_WEAK;
int DmtcpRWLockTryRdLock(DmtcpRWLock *lock) DMTCP_WEAK;
int DmtcpRWLockWrLock(DmtcpRWLock *lock) DMTCP_WEAK;
int DmtcpRWLockUnlock(DmtcpRWLock *lock) DMTCP_WEAK;

/* ---- for experts ---- */

/* 1: a descriptor of this library. */
int dmtcp_is_protected_fd(int fd) DMTCP_WEAK;
/* Closes one that was asked for. */
void dmtcp_close_protected_fd(int fd) DMTCP_WEAK;
/* -1: there is none here. */
int dmtcp_protected_environ_fd(void) DMTCP_WEAK;
/* -1: there is none here. */
int dmtcp_get_readlog_fd(void) DMTCP_WEAK;
/* In the calling thread. */
void dmtcp_block_ckpt_signal(void) DMTCP_WEAK;
void dmtcp_unblock_ckpt_signal(void) DMTCP_WEAK;
/*
 * Puts a note into all images of this process from now on, instead of one with the same @key;
 * dmtcp_inspect shows it. 16 KiB of them at most.
 */
void dmtcp_add_to_ckpt_header(const char *key, const char *value) DMTCP_WEAK;
/* As dmtcp_disable_ckpt() and dmtcp_enable_ckpt(), for wrappers. */
int dmtcp_plugin_disable_ckpt(void) DMTCP_WEAK;
void dmtcp_plugin_enable_ckpt(void) DMTCP_WEAK;
#define DMTCP_PLUGIN_DISABLE_CKPT() \
	int dmtcp_plugin_ckpt_disabled = dmtcp_plugin_disable_ckpt ? dmtcp_plugin_disable_ckpt() : 0
#define DMTCP_PLUGIN_ENABLE_CKPT()                \
	do {                                      \
		if (dmtcp_plugin_ckpt_disabled)   \
			dmtcp_plugin_enable_ckpt(); \
	} while (0)
void dmtcp_initialize(void) DMTCP_WEAK;

/* Waits for a debugger while @condition holds. */
#define DMTCP_RESTART_PAUSE_WHILE(condition) \
	do {                                 \
	} while (condition)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
