/*
 * What a plugin can say about the image: memory that is left out, files that go into it, where files
 * are afterwards, and a note for whoever looks into it (dmtcp_inspect).
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmtcp.h"
#include "procmapsarea.h"

#define LEFT_OUT ((VA)0x200000000000) /* where choosy.c has its cache */
#define SHRUNK ((VA)0x210000000000)   /* of this the first page is enough */

static int ends_with(const char *text, const char *end)
{
	size_t bytes = strlen(text), end_bytes = strlen(end);

	return bytes >= end_bytes && !strcmp(text + bytes - end_bytes, end);
}

int dmtcp_skip_memory_region_ckpting(ProcMapsArea *area)
{
	const char *fault = getenv("FAULT");

	if (fault && !strcmp(fault, "skip"))
		abort();
	if (area->addr == SHRUNK) {
		area->endAddr = area->addr + 4096;
		area->size = 4096;
	}
	return area->addr == LEFT_OUT;
}

int dmtcp_must_ckpt_file(const char *path)
{
	return ends_with(path, ".keep");
}

int dmtcp_must_overwrite_file(const char *path)
{
	return ends_with(path, ".keep");
}

/* NAME.old goes on as NAME.new. */
void dmtcp_get_new_file_path(const char *path, const char *cwd, char *newpath)
{
	(void)cwd;
	strcpy(newpath, path);
	if (ends_with(path, ".old"))
		strcpy(newpath + strlen(newpath) - 4, ".new");
}

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	char number[16];

	(void)data;
	if (event != DMTCP_EVENT_PRECHECKPOINT)
		return;
	/* The lock is the helper's own affair here: it must not wait for itself. */
	dmtcp_disable_ckpt();
	dmtcp_enable_ckpt();
	snprintf(number, sizeof(number), "%u", dmtcp_get_generation());
	dmtcp_add_to_ckpt_header("example.generation", number);
	dmtcp_add_to_ckpt_header("example.purpose", "to show a note");
}

static DmtcpPluginDescriptor_t choices = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "choices", "dmtcp-akka", "",
	"says what goes into the image", on_event,
};

DMTCP_DECL_PLUGIN(choices)
