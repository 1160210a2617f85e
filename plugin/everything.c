/*
 * A plugin that uses everything there is, as one written for DMTCP 5 may; C and C++. What is not as
 * documented is told as "wrong".
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dmtcp.h"
#include "procmapsarea.h"

#define CHECK(condition)                                                                    \
	do {                                                                                \
		if (!(condition))                                                           \
			dprintf(STDERR_FILENO, "wrong: line %d: %s\n", __LINE__, #condition); \
	} while (0)

static int events[nDmtcpEvents];
static DmtcpMutex mutex = DMTCP_MUTEX_INITIALIZER_RECURSIVE;
static DmtcpRWLock lock = DMTCP_RWLOCK_INITIALIZER;
static DmtcpUniqueProcessId self;

EXTERNC unsigned int sleep(unsigned int seconds)
{
	DMTCP_PLUGIN_DISABLE_CKPT();
	unsigned int left = NEXT_FNC(sleep)(seconds ? 1 : 0);

	DMTCP_PLUGIN_ENABLE_CKPT();
	return left;
}

EXTERNC char *ctime_r(const time_t *when, char *text)
{
	return NEXT_FNC_LIB("libc.so", ctime_r)(when, text);
}

static void check_locks(void)
{
	DmtcpMutex own;
	DmtcpRWLock rw;

	CHECK(!DmtcpMutexLock(&mutex) && !DmtcpMutexLock(&mutex));
	CHECK(!DmtcpMutexUnlock(&mutex) && !DmtcpMutexUnlock(&mutex));
	DmtcpMutexInit(&own, DMTCP_MUTEX_NORMAL);
	CHECK(!DmtcpMutexTryLock(&own) && DmtcpMutexTryLock(&own) == EBUSY);
	CHECK(!DmtcpMutexUnlock(&own) && DmtcpMutexUnlock(&own) == EPERM);
	CHECK(!DmtcpRWLockRdLock(&lock) && !DmtcpRWLockRdLockIgnoreQueuedWriter(&lock));
	CHECK(!DmtcpRWLockTryRdLock(&lock) && !DmtcpRWLockUnlock(&lock));
	CHECK(!DmtcpRWLockUnlock(&lock) && !DmtcpRWLockUnlock(&lock));
	DmtcpRWLockInit(&rw);
	CHECK(!DmtcpRWLockWrLock(&rw) && DmtcpRWLockTryRdLock(&rw) == EBUSY);
	CHECK(!DmtcpRWLockUnlock(&rw));
}

static void check_names(void)
{
	int peers = 0, running = 0, checkpoints = -1, restarts = -1;
	const char *image = dmtcp_get_ckpt_filename(), *id = dmtcp_get_uniquepid_str();
	const char *directory = dmtcp_get_ckpt_dir();
	struct in_addr address;
	char text[64];

	CHECK(dmtcp_is_enabled() == 1);
	CHECK(dmtcp_get_coordinator_status(&peers, &running) == DMTCP_IS_PRESENT && peers > 0);
	CHECK(dmtcp_get_local_status(&checkpoints, &restarts) == DMTCP_IS_PRESENT);
	CHECK(checkpoints >= 0 && restarts >= 0);
	CHECK(image && id && strstr(image, id));
	CHECK(image && directory[0] == '/' && !strncmp(image, directory, strlen(directory)));
	CHECK(dmtcp_set_ckpt_dir(dmtcp_get_ckpt_dir()) == DMTCP_IS_PRESENT);
	CHECK(dmtcp_get_tmpdir()[0] == '/' && dmtcp_get_executable_path()[0] == '/');
	CHECK(strstr(dmtcp_get_ckpt_files_subdir(), "_files"));
	CHECK(dmtcp_get_computation_id_str()[0] && dmtcp_get_coordinator_timestamp());
	CHECK(dmtcp_get_ckpt_signal() == 12 && !dmtcp_should_ckpt_open_files());
	CHECK(!dmtcp_allow_overwrite_with_ckpted_files());
	CHECK(!dmtcp_skip_truncate_file_at_restart("/any"));
	dmtcp_get_local_ip_addr(&address);
	CHECK(address.s_addr);
	CHECK(dmtcp_pid_real_to_virtual(getpid()) == getpid());
	CHECK(dmtcp_pid_virtual_to_real(getpid()) == getpid());
	CHECK(dmtcp_unique_pids_equal(dmtcp_get_uniquepid(), dmtcp_get_uniquepid()));
	CHECK(dmtcp_get_computation_id()._pid && dmtcp_get_coord_id()._time);
	CHECK(dmtcp_get_restart_env("HOME", NULL, 0) == RESTART_ENV_NULL_PTR);
	CHECK(dmtcp_get_restart_env("NO_SUCH_THING", text, sizeof(text)) == RESTART_ENV_NOTFOUND);
}

static void check_expert(void)
{
	uint64_t offset = dmtcp_dlsym_lib_fnc_offset("libc.so", "getpid");

	CHECK(!dmtcp_is_protected_fd(STDERR_FILENO));
	CHECK(dmtcp_protected_environ_fd() == -1 && dmtcp_get_readlog_fd() == -1);
	dmtcp_close_protected_fd(-1);
	dmtcp_block_ckpt_signal();
	dmtcp_unblock_ckpt_signal();
	dmtcp_add_to_ckpt_header("everything", "is used");
	CHECK(dmtcp_dlsym(RTLD_DEFAULT, "getpid") && dmtcp_dlsym_lib("libc.so", "getpid"));
	CHECK(offset != (uint64_t)-1 && offset);
	CHECK(!dmtcp_dlvsym(RTLD_DEFAULT, "getpid", "NO_SUCH_VERSION"));
	dmtcp_initialize();
	CHECK(dmtcp_disable_ckpt() == 1 && dmtcp_enable_ckpt() == 1);
}

static void check_store(const char *when)
{
	char key[128], value[64] = "";
	int64_t old = -1;

	snprintf(key, sizeof(key), "%s-%u", when, dmtcp_get_generation());
	CHECK(dmtcp_kvdb_set("everything", key, "value") == DMTCP_KVDB_SUCCESS);
	dmtcp_global_barrier(key);
	dmtcp_local_barrier(key);
	CHECK(dmtcp_kvdb_get("everything", key, value, sizeof(value)) == DMTCP_KVDB_SUCCESS);
	CHECK(!strcmp(value, "value"));
	CHECK(dmtcp_kvdb_get("everything", "none", value, sizeof(value)) == DMTCP_KVDB_KEY_NOT_FOUND);
	CHECK(dmtcp_kvdb_get("nothing", "none", value, sizeof(value)) == DMTCP_KVDB_DB_NOT_FOUND);
	CHECK(dmtcp_kvdb_get("", "none", value, sizeof(value)) == DMTCP_KVDB_INVALID_REQUEST);
	/* Not its number, which a process of another host may have too. */
	snprintf(key, sizeof(key), "%s-%u-%s", when, dmtcp_get_generation(),
		 dmtcp_get_uniquepid_str());
	CHECK(!dmtcp_kvdb_request64(DMTCP_KVDB_INCRBY, "numbers", key, 5, &old) && !old);
	CHECK(!dmtcp_kvdb_request64(DMTCP_KVDB_MAX, "numbers", key, 9, &old) && old == 5);
	CHECK(!dmtcp_kvdb_request64(DMTCP_KVDB_AND, "numbers", key, 8, &old) && old == 9);
	CHECK(!dmtcp_kvdb_request64(DMTCP_KVDB_GET, "numbers", key, 0, &old) && old == 8);
}

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	static char home[PATH_MAX];

	events[event]++;
	switch (event) {
	case DMTCP_EVENT_INIT:
		CHECK(!data);
		check_locks();
		check_names();
		check_expert();
		break;
	case DMTCP_EVENT_PRESUSPEND:
		CHECK(dmtcp_is_running_state() && checkpoint_is_pending());
		break;
	case DMTCP_EVENT_PRECHECKPOINT:
		CHECK(!dmtcp_is_running_state() && dmtcp_get_generation());
		check_store("checkpoint");
		break;
	case DMTCP_EVENT_RESTART:
		CHECK(dmtcp_unique_pids_equal(self, dmtcp_get_uniquepid()));
		CHECK(!dmtcp_get_restart_env("HOME", home, sizeof(home)));
		CHECK(dmtcp_get_restart_env("HOME", home, 1) == RESTART_ENV_TOOLONG);
		check_names();
		check_store("restart");
		break;
	case DMTCP_EVENT_OPEN_FD:
		CHECK(data->openFd.fd >= 0 && data->openFd.path);
		break;
	case DMTCP_EVENT_DUP_FD:
		CHECK(data->dupFd.oldFd >= 0 && data->dupFd.newFd >= 0);
		break;
	case DMTCP_EVENT_VIRTUAL_TO_REAL_PATH:
		CHECK(data->virtualToRealPath.path[0]);
		break;
	case DMTCP_EVENT_RUNNING:
		if (!events[DMTCP_EVENT_RESTART])
			self = dmtcp_get_uniquepid();
		dprintf(STDERR_FILENO, "running after %d checkpoint(s), %d restart(s)\n",
			events[DMTCP_EVENT_RESUME], events[DMTCP_EVENT_RESTART]);
		break;
	default:
		break;
	}
}

static DmtcpPluginDescriptor_t everything = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "everything", "dmtcp-akka", "",
	"uses everything", on_event,
};

DMTCP_DECL_PLUGIN(everything)
