/*
 * libdmtcpaware: the old names for what libdmtcp.so, where it is loaded, offers in dmtcp.h. All of
 * that is weak: so the same code serves without it.
 */
#define DMTCPAWARE_NO_WARNINGS
#include "dmtcpaware.h"

#include <pthread.h>

#include "dmtcp.h"

/* src/preload/run_command.c */
extern int dmtcp_run_command(char command) DMTCP_WEAK;

static struct {
	pthread_mutex_t lock;
	int registered;
	DmtcpFunctionPointer before, after, restarted;
} hooks = { .lock = PTHREAD_MUTEX_INITIALIZER };

int dmtcpIsEnabled(void)
{
	return dmtcp_is_enabled();
}

int dmtcpCheckpoint(void)
{
	int ret = dmtcp_checkpoint();

	return ret ? ret : DMTCP_ERROR_OCCURRED;
}

int dmtcpRunCommand(char command)
{
	if (!dmtcp_is_enabled() || !dmtcp_run_command)
		return DMTCP_NOT_PRESENT;
	return dmtcp_run_command(command) < 0 ? DMTCP_ERROR_OCCURRED : 1;
}

const DmtcpCoordinatorStatus *dmtcpGetCoordinatorStatus(void)
{
	static DmtcpCoordinatorStatus status;

	if (dmtcp_get_coordinator_status(&status.numProcesses, &status.isRunning) !=
	    DMTCP_IS_PRESENT)
		return NULL;
	return &status;
}

const DmtcpLocalStatus *dmtcpGetLocalStatus(void)
{
	static DmtcpLocalStatus status;

	if (dmtcp_get_local_status(&status.numCheckpoints, &status.numRestarts) != DMTCP_IS_PRESENT)
		return NULL;
	status.checkpointFilename = dmtcp_get_ckpt_filename();
	status.uniquePidStr = dmtcp_get_uniquepid_str();
	return &status;
}

static void call(DmtcpFunctionPointer *hook)
{
	DmtcpFunctionPointer function = __atomic_load_n(hook, __ATOMIC_ACQUIRE);

	if (function)
		function();
}

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	(void)data;
	if (event == DMTCP_EVENT_PRECHECKPOINT)
		call(&hooks.before);
	else if (event == DMTCP_EVENT_RESUME)
		call(&hooks.after);
	else if (event == DMTCP_EVENT_RESTART)
		call(&hooks.restarted);
}

/* Once; while no round is under way, which would hear of half of it. */
static void register_once(void)
{
	DmtcpPluginDescriptor_t plugin = {
		.pluginApiVersion = DMTCP_PLUGIN_API_VERSION,
		.dmtcpVersion = DMTCP_PACKAGE_VERSION,
		.pluginName = "dmtcpaware",
		.authorName = "dmtcp-akka",
		.authorEmail = "",
		.description = "hooks of dmtcpInstallHooks",
		.event_hook = on_event,
	};

	dmtcp_disable_ckpt();
	pthread_mutex_lock(&hooks.lock);
	if (!hooks.registered)
		dmtcp_register_plugin(plugin);
	hooks.registered = 1;
	pthread_mutex_unlock(&hooks.lock);
	dmtcp_enable_ckpt();
}

int dmtcpInstallHooks(DmtcpFunctionPointer preCheckpoint, DmtcpFunctionPointer postCheckpoint,
		      DmtcpFunctionPointer postRestart)
{
	if (!dmtcp_is_enabled() || !dmtcp_register_plugin)
		return DMTCP_NOT_PRESENT;
	__atomic_store_n(&hooks.before, preCheckpoint, __ATOMIC_RELEASE);
	__atomic_store_n(&hooks.after, postCheckpoint, __ATOMIC_RELEASE);
	__atomic_store_n(&hooks.restarted, postRestart, __ATOMIC_RELEASE);
	register_once();
	return 1;
}

int dmtcpDelayCheckpointsLock(void)
{
	return dmtcp_disable_ckpt();
}

int dmtcpDelayCheckpointsUnlock(void)
{
	int ret = dmtcp_enable_ckpt();

	return ret ? ret : DMTCP_ERROR_OCCURRED;
}
