/* The functions of dmtcp.h that a program calls. */
#include "dmtcp.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "area.h"
#include "contain.h"
#include "gate.h"
#include "helper.h"
#include "link.h"
#include "plugins.h"
#include "thread_resume.h"

#define ASK_MS 30000
#define RETRY_MS 100
#define RETRIES 600 /* a round, or a restart, that is going on ends within that minute */

static void sleep_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000l };

	nanosleep(&t, NULL);
}

int(dmtcp_is_enabled)(void)
{
	return helper_start();
}

static uint32_t restarts_now(void)
{
	return __atomic_load_n(&plugin_area.restarts, __ATOMIC_SEQ_CST);
}

/* One try. *@again: a checkpoint cannot be had now, but soon. */
static int checkpoint_once(bool *again)
{
	struct text fields = { 0 }, answer = { 0 };
	uint32_t before = restarts_now();
	char id[64] = "";
	const char *error;
	int ret;

	*again = false;
	text_add(&fields, ",\"blocking\":true");
	ret = link_ask_once("checkpoint", &fields, &answer, 0);
	if (restarts_now() != before) {
		ret = DMTCP_AFTER_RESTART;
	} else if (!ret) {
		ret = DMTCP_AFTER_CHECKPOINT;
	} else {
		error = answer.data ? strstr(answer.data, "\"id\":\"") : NULL;
		if (error)
			sscanf(error + 6, "%63[^\"]", id);
		*again = !strcmp(id, "not-running") || !strcmp(id, "round-busy");
		errno = EIO;
		ret = 0;
	}
	text_free(&fields);
	text_free(&answer);
	return ret;
}

int(dmtcp_checkpoint)(void)
{
	int ret = 0;
	bool again = true;

	if (!helper_start())
		return DMTCP_NOT_PRESENT;
	if (contain_is_here() || thread_resume_is_here()) { /* a hook: the checkpoint would wait for it */
		errno = EDEADLK;
		return 0;
	}
	for (int i = 0; i < RETRIES && again; i++) {
		ret = checkpoint_once(&again);
		if (again)
			sleep_ms(RETRY_MS);
	}
	return ret;
}

int(dmtcp_disable_ckpt)(void)
{
	if (!helper_start())
		return DMTCP_NOT_PRESENT;
	return gate_hold();
}

int(dmtcp_enable_ckpt)(void)
{
	return gate_release();
}

int dmtcp_plugin_disable_ckpt(void)
{
	return gate_hold();
}

void dmtcp_plugin_enable_ckpt(void)
{
	gate_release();
}

int(dmtcp_get_coordinator_status)(int *num_peers, int *is_running)
{
	struct text answer = { 0 };
	int ret = helper_start() ? link_ask_once("status", NULL, &answer, ASK_MS) : -ENOENT;

	if (!ret) {
		if (num_peers)
			*num_peers = answer_number(&answer, "peers", 0);
		if (is_running)
			*is_running = answer_flag(&answer, "running");
	}
	text_free(&answer);
	return ret ? DMTCP_NOT_PRESENT : DMTCP_IS_PRESENT;
}

int(dmtcp_get_local_status)(int *num_checkpoints, int *num_restarts)
{
	if (!helper_start())
		return DMTCP_NOT_PRESENT;
	if (num_checkpoints)
		*num_checkpoints = helper_facts.checkpoints;
	if (num_restarts)
		*num_restarts = helper_facts.restarts;
	return DMTCP_IS_PRESENT;
}

/* ---- names ---- */

const char *dmtcp_get_executable_path(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = 0;
	return path;
}

const char *(dmtcp_get_uniquepid_str)(void)
{
	helper_start();
	return helper_facts.unique_pid;
}

const char *(dmtcp_get_ckpt_dir)(void)
{
	helper_start();
	return helper_facts.checkpoint_dir;
}

int(dmtcp_set_ckpt_dir)(const char *directory)
{
	struct text fields = { 0 }, answer = { 0 };
	char absolute[PATH_MAX];
	int ret;

	if (!directory || !helper_start())
		return DMTCP_NOT_PRESENT;
	if (!realpath(directory, absolute))
		return 0;
	text_number(&fields, "attachment", helper_facts.attachment);
	text_field(&fields, "directory", absolute);
	ret = link_ask_once("plugin-directory", &fields, &answer, ASK_MS);
	if (!ret)
		snprintf(helper_facts.checkpoint_dir, sizeof(helper_facts.checkpoint_dir), "%s",
			 absolute);
	text_free(&fields);
	text_free(&answer);
	return ret ? 0 : DMTCP_IS_PRESENT;
}

/* The name of the image, or of what lies beside it. */
static const char *beside_image(char *out, size_t bytes, const char *suffix)
{
	const char *program = strrchr(dmtcp_get_executable_path(), '/');

	helper_start();
	snprintf(out, bytes, "%s/ckpt_%s_%s%s", helper_facts.checkpoint_dir,
		 program ? program + 1 : "", helper_facts.unique_pid, suffix);
	return out;
}

const char *(dmtcp_get_ckpt_filename)(void)
{
	static char path[2 * PATH_MAX];

	return beside_image(path, sizeof(path), ".dmtcp");
}

const char *dmtcp_get_ckpt_files_subdir(void)
{
	static char path[2 * PATH_MAX];

	return beside_image(path, sizeof(path), "_files");
}

const char *dmtcp_get_computation_id_str(void)
{
	helper_start();
	return helper_facts.computation_id;
}

const char *dmtcp_get_tmpdir(void)
{
	static char path[PATH_MAX];
	const char *socket = link_path();
	const char *slash = strrchr(socket, '/');

	snprintf(path, sizeof(path), "%.*s", slash ? (int)(slash - socket) : 4,
		 slash ? socket : "/tmp");
	return path;
}

uint32_t dmtcp_get_generation(void)
{
	return helper_facts.generation;
}

int checkpoint_is_pending(void)
{
	return helper_facts.state == HELPER_PENDING;
}

int dmtcp_is_running_state(void)
{
	return helper_facts.state != HELPER_SUSPENDED;
}

uint64_t dmtcp_get_coordinator_timestamp(void)
{
	helper_start();
	return helper_facts.coordinator_time;
}

int dmtcp_should_ckpt_open_files(void)
{
	return helper_facts.open_files;
}

int dmtcp_allow_overwrite_with_ckpted_files(void)
{
	return helper_facts.allow_overwrite;
}

int dmtcp_skip_truncate_file_at_restart(const char *path)
{
	(void)path;
	return getenv("DMTCP_SKIP_TRUNCATE_FILE_AT_RESTART") != NULL;
}

/* <host id hex>-<virtual pid>-<time hex> */
static DmtcpUniqueProcessId parse_unique_pid(const char *text)
{
	DmtcpUniqueProcessId id = { 0 };
	unsigned long long host = 0, time = 0;
	int pid = 0;

	sscanf(text, "%llx-%d-%llx", &host, &pid, &time);
	id._hostid = host;
	id._pid = pid;
	id._time = time;
	id._computation_generation = helper_facts.generation;
	return id;
}

DmtcpUniqueProcessId dmtcp_get_uniquepid(void)
{
	helper_start();
	return parse_unique_pid(helper_facts.unique_pid);
}

DmtcpUniqueProcessId dmtcp_get_computation_id(void)
{
	helper_start();
	return parse_unique_pid(helper_facts.computation_id);
}

DmtcpUniqueProcessId dmtcp_get_coord_id(void)
{
	helper_start();
	return (DmtcpUniqueProcessId){ ._time = helper_facts.coordinator_time,
				       ._pid = helper_facts.coordinator_port };
}

int dmtcp_unique_pids_equal(DmtcpUniqueProcessId a, DmtcpUniqueProcessId b)
{
	return a._hostid == b._hostid && a._time == b._time && a._pid == b._pid;
}

pid_t dmtcp_pid_real_to_virtual(pid_t real_pid)
{
	return real_pid;
}

pid_t dmtcp_pid_virtual_to_real(pid_t virtual_pid)
{
	return virtual_pid;
}

/* ---- descriptors ---- */

int dmtcp_is_protected_fd(int fd)
{
	return link_is_ours(fd);
}

void dmtcp_close_protected_fd(int fd)
{
	if (!link_is_ours(fd))
		close(fd);
}

void dmtcp_initialize(void)
{
	helper_start();
}
