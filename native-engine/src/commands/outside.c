/* Leaving a computation. */
#include "outside.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/membership.h"

/* Is @path, of @bytes, our library? */
static bool ours(const char *path, size_t bytes)
{
	static const char name[] = "/libdmtcp.so";
	size_t n = sizeof(name) - 1;

	return bytes >= n && memcmp(path + bytes - n, name, n) == 0;
}

/* Takes us out of LD_PRELOAD and leaves what the user put there. */
static void clean_preload(void)
{
	const char *list = getenv("LD_PRELOAD");
	char *kept, *end;

	if (!list)
		return;
	kept = calloc(1, strlen(list) + 1);
	if (!kept)
		return;
	end = kept;
	while (*list) {
		size_t n = strcspn(list, ": ");

		if (n && !ours(list, n))
			end += sprintf(end, "%s%.*s", end == kept ? "" : ":", (int)n, list);
		list += n + (list[n] != '\0');
	}
	if (*kept)
		setenv("LD_PRELOAD", kept, 1);
	else
		unsetenv("LD_PRELOAD");
	free(kept);
}

void outside_environment(void)
{
	unsetenv("DMTCP_COMPUTATION_ID");
	setenv(OUTSIDE_MARKER, "1", 1);
	clean_preload();
	membership_clear();
}
