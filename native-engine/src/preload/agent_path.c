#include "agent_path.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link.h"

#define VARIABLE "DMTCP_AGENT_SOCKET"
/* restart/front.c: "dmtcp_restart", this, ..., the path of the socket or "-" */
#define BUILDER "dmtcp_restart\0--builder"

void agent_path_begin(void)
{
	link_set_path(getenv(VARIABLE));
}

void agent_path_look(void)
{
	char text[8192], *last;
	int fd = open("/proc/1/cmdline", O_RDONLY | O_CLOEXEC);
	size_t held = 0;
	bool ours = false, first = true;
	ssize_t got;

	if (fd < 0)
		return;
	/* Of a long one only the end is kept. */
	while ((got = read(fd, text + held, sizeof(text) - held)) > 0) {
		held += got;
		if (first && held >= sizeof(BUILDER))
			ours = !memcmp(text, BUILDER, sizeof(BUILDER));
		if (held >= sizeof(BUILDER))
			first = false;
		if (!first && !ours)
			break;
		if (held == sizeof(text)) {
			memmove(text, text + sizeof(text) / 2, sizeof(text) / 2);
			held = sizeof(text) / 2;
		}
	}
	close(fd);
	if (!ours || !held || text[held - 1])
		return;
	last = memrchr(text, 0, held - 1);
	if (last)
		link_set_path(strcmp(last + 1, "-") ? last + 1 : NULL);
}
