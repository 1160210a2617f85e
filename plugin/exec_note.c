/* Leaves a note for the program that is executed, and reads it there. */
#include <stdio.h>
#include <unistd.h>

#include "dmtcp.h"

static void on_event(const DmtcpEvent_t event, DmtcpEventData_t *data)
{
	char note[64];
	ssize_t bytes;

	if (event == DMTCP_EVENT_PRE_EXEC)
		dprintf(data->preExec.serializationFd, "note from pid %d\n", (int)getpid());
	if (event == DMTCP_EVENT_POST_EXEC) {
		bytes = read(data->postExec.serializationFd, note, sizeof(note));
		if (bytes > 0)
			dprintf(STDERR_FILENO, "%.*s", (int)bytes, note);
	}
}

static DmtcpPluginDescriptor_t exec_note = {
	DMTCP_PLUGIN_API_VERSION, DMTCP_PACKAGE_VERSION, "exec-note", "dmtcp-akka", "",
	"from one program to the next", on_event,
};

DMTCP_DECL_PLUGIN(exec_note)
