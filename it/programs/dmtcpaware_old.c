/*
 * An old program: it asks for its checkpoints with dmtcpaware.h. `dmtcpaware_old absent` checks
 * that nothing is there; without a word it goes through one checkpoint, and ends as the restarted
 * program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dmtcp/dmtcpaware.h"

#define LIMIT_S 60

static volatile int befores, afters, restarts;

static void before(void)
{
	befores++;
}

static void after(void)
{
	afters++;
}

static void restarted(void)
{
	restarts++;
}

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			printf("bad: %s\n", #condition); \
			exit(1); \
		} \
	} while (0)

static void check_absent(void)
{
	CHECK(!dmtcpIsEnabled());
	CHECK(dmtcpCheckpoint() == DMTCP_NOT_PRESENT);
	CHECK(dmtcpRunCommand('c') == DMTCP_NOT_PRESENT);
	CHECK(!dmtcpGetCoordinatorStatus() && !dmtcpGetLocalStatus());
	CHECK(dmtcpInstallHooks(before, after, restarted) == DMTCP_NOT_PRESENT);
	CHECK(dmtcpDelayCheckpointsLock() == DMTCP_NOT_PRESENT);
	CHECK(dmtcpDelayCheckpointsUnlock() == DMTCP_NOT_PRESENT);
}

static int is_running(void)
{
	const DmtcpCoordinatorStatus *status = dmtcpGetCoordinatorStatus();

	CHECK(status && status->numProcesses == 1);
	return status->isRunning;
}

/* A checkpoint that has been asked for, and has begun, waits until it may. */
static void check_delay(void)
{
	CHECK(dmtcpDelayCheckpointsLock() == 1 && dmtcpDelayCheckpointsLock() == 1);
	CHECK(dmtcpRunCommand('c') == 1);
	for (int i = 0; i < LIMIT_S * 100 && is_running(); i++)
		usleep(10000);
	CHECK(!is_running());
	CHECK(dmtcpDelayCheckpointsUnlock() == 1);
	CHECK(!befores && !is_running());
	CHECK(dmtcpDelayCheckpointsUnlock() == 1);
	for (int i = 0; i < LIMIT_S * 100 && !(afters && is_running()); i++)
		usleep(10000);
	CHECK(befores == 1 && afters == 1 && !restarts);
	CHECK(dmtcpDelayCheckpointsUnlock() < 0);
}

int main(int argc, char **argv)
{
	const DmtcpLocalStatus *local;
	int result;

	alarm(2 * LIMIT_S);
	if (argc > 1 && !strcmp(argv[1], "absent")) {
		check_absent();
		puts("ok");
		return 0;
	}
	CHECK(dmtcpIsEnabled() == 1);
	CHECK(dmtcpInstallHooks(before, after, restarted) == 1);
	CHECK(dmtcpRunCommand('?') < 0 && dmtcpRunCommand('s') == 1);
	for (int i = 0; i < LIMIT_S * 100 && !is_running(); i++)
		usleep(10000);
	check_delay();
	local = dmtcpGetLocalStatus();
	CHECK(local && local->numCheckpoints == 1 && !local->numRestarts);
	CHECK(strstr(local->checkpointFilename, local->uniquePidStr));
	CHECK(!access(local->checkpointFilename, R_OK));
	result = dmtcpCheckpoint();
	CHECK(befores == 2);
	if (result == DMTCP_AFTER_CHECKPOINT) {
		CHECK(afters == 2 && !restarts && dmtcpGetLocalStatus()->numCheckpoints == 2);
		puts("checkpoint");
		fflush(stdout);
		for (;;)
			pause();
	}
	CHECK(result == DMTCP_AFTER_RESTART && restarts == 1 && afters == 1);
	CHECK(dmtcpIsEnabled() == 1 && dmtcpGetLocalStatus()->numRestarts == 1);
	/* Once more, from here. */
	CHECK(dmtcpCheckpoint() == DMTCP_AFTER_CHECKPOINT && befores == 3 && afters == 2);
	puts("ok");
	return 0;
}
