/* A plugin that does what the variable FAULT says when a checkpoint comes; for the tests of failures. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dmtcp.h"

static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

/* FAULT_EVENT; without it the one in which all else stands still. */
static DmtcpEvent_t chosen(void)
{
	const char *name = getenv("FAULT_EVENT");

	if (name && !strcmp(name, "PRESUSPEND"))
		return DMTCP_EVENT_PRESUSPEND;
	if (name && !strcmp(name, "RESUME"))
		return DMTCP_EVENT_RESUME;
	return DMTCP_EVENT_PRECHECKPOINT;
}

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	const char *fault = getenv("FAULT");
	static volatile int *nowhere;

	(void)data;
	if (event == DMTCP_EVENT_RESUME)
		dprintf(STDERR_FILENO, "resumed\n");
	if (event == DMTCP_EVENT_PRESUSPEND && fault && !strcmp(fault, "slow"))
		sleep(1); /* the program runs beside it */
	if (event != chosen() || !fault)
		return;
	if (!strcmp(fault, "crash"))
		*nowhere = 1;
	else if (!strcmp(fault, "abort"))
		abort();
	else if (!strcmp(fault, "exit"))
		exit(3);
	else if (!strcmp(fault, "deaf"))
		block_all();
	if (!strcmp(fault, "hang") || !strcmp(fault, "deaf"))
		for (;;)
			pause();
}

static DmtcpPluginDescriptor_t faulty = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "faulty", "dmtcp-akka", "", "fails", on_event,
};

DMTCP_DECL_PLUGIN(faulty)
