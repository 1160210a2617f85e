/*
 * The interface that programs used before there were plugins. Deprecated: it is kept so that old
 * programs build and run; new ones use dmtcp.h, whose functions these are made of
 * (docs/plugin-tutorial.md).
 *
 * Link with -ldmtcpaware (libdmtcpaware.so or .a). The library may be there without the system:
 * then every function says so (0, NULL or DMTCP_NOT_PRESENT), also in static programs.
 */
#ifndef DMTCPAWARE_H
#define DMTCPAWARE_H

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Define it to have no warnings from old programs. */
#ifdef DMTCPAWARE_NO_WARNINGS
#define DMTCPAWARE_DEPRECATED
#else
#define DMTCPAWARE_DEPRECATED __attribute__((deprecated("use dmtcp.h")))
#endif

#define DMTCP_ERROR_OCCURRED (-1)
#ifndef DMTCP_AFTER_CHECKPOINT
#define DMTCP_AFTER_CHECKPOINT 1
#define DMTCP_AFTER_RESTART 2
#define DMTCP_NOT_PRESENT 3
#endif

typedef struct _DmtcpCoordinatorStatus {
	int numProcesses;
	int isRunning; /* 0: a checkpoint or restart is going on */
} DmtcpCoordinatorStatus;

typedef struct _DmtcpLocalStatus {
	int numCheckpoints, numRestarts; /* of this process */
	const char *checkpointFilename;
	const char *uniquePidStr;
} DmtcpLocalStatus;

typedef void (*DmtcpFunctionPointer)(void);

/* 1: under checkpoint control. */
int dmtcpIsEnabled(void) DMTCPAWARE_DEPRECATED;

/* A checkpoint of the whole computation: DMTCP_AFTER_CHECKPOINT, DMTCP_AFTER_RESTART, or < 0. */
int dmtcpCheckpoint(void) DMTCPAWARE_DEPRECATED;

/*
 * A command as typed at the coordinator's console: c, k, q, f; s and l only ask whether it is
 * there. 1: it was taken; it need not be done yet. < 0: it was refused or is none.
 */
int dmtcpRunCommand(char command) DMTCPAWARE_DEPRECATED;

/* What they point to is overwritten by the next call. NULL: absent, or no coordinator answers. */
const DmtcpCoordinatorStatus *dmtcpGetCoordinatorStatus(void) DMTCPAWARE_DEPRECATED;
const DmtcpLocalStatus *dmtcpGetLocalStatus(void) DMTCPAWARE_DEPRECATED;

/*
 * Called while the threads of the program stand still: @preCheckpoint, then @postCheckpoint or, in
 * the restarted process, @postRestart. NULL: none. 1, or < 0.
 */
int dmtcpInstallHooks(DmtcpFunctionPointer preCheckpoint, DmtcpFunctionPointer postCheckpoint,
		      DmtcpFunctionPointer postRestart) DMTCPAWARE_DEPRECATED;

/* No checkpoint of this process begins between the two; they nest. 1, or < 0. */
int dmtcpDelayCheckpointsLock(void) DMTCPAWARE_DEPRECATED;
int dmtcpDelayCheckpointsUnlock(void) DMTCPAWARE_DEPRECATED;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
