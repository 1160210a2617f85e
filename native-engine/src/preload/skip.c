#include "skip.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dmtcp.h"
#include "procmapsarea.h"

#define MAPS_BYTES (8u << 20)

/* The whole file, in memory that is no part of any heap. */
static char *read_maps(void)
{
	char *text = mmap(NULL, MAPS_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t bytes = 0;
	ssize_t got = 0;

	while (text != MAP_FAILED && fd >= 0 && bytes < MAPS_BYTES - 1 &&
	       (got = read(fd, text + bytes, MAPS_BYTES - 1 - bytes)) > 0)
		bytes += got;
	if (fd >= 0)
		close(fd);
	return text == MAP_FAILED ? NULL : text;
}

static bool parse(const char *line, ProcMapsArea *a)
{
	unsigned long start, end, offset, inode;
	unsigned int major, minor;
	char mode[5];
	int at = 0;

	memset(a, 0, sizeof(*a));
	if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &start, &end, mode, &offset, &major,
		   &minor, &inode, &at) < 7)
		return false;
	a->addr = (VA)start;
	a->endAddr = (VA)end;
	a->size = end - start;
	a->offset = offset;
	a->devmajor = major;
	a->devminor = minor;
	a->inodenum = inode;
	a->prot = (mode[0] == 'r' ? PROT_READ : 0) | (mode[1] == 'w' ? PROT_WRITE : 0) |
		  (mode[2] == 'x' ? PROT_EXEC : 0);
	a->flags = (mode[3] == 's' ? MAP_SHARED : MAP_PRIVATE) | (inode ? 0 : MAP_ANONYMOUS);
	snprintf(a->name, sizeof(a->name), "%.*s", (int)strcspn(line + at, "\n"), line + at);
	return true;
}

void skip_find(struct plugin_area *area)
{
	char *text, *line;

	area->skip_count = 0;
	if (!dmtcp_skip_memory_region_ckpting)
		return;
	text = read_maps();
	for (line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		ProcMapsArea a;

		if (!parse(line, &a) || !dmtcp_skip_memory_region_ckpting(&a) ||
		    area->skip_count == PLUGIN_SKIPS)
			continue;
		area->skips[area->skip_count].start = (uintptr_t)a.addr;
		area->skips[area->skip_count++].end = (uintptr_t)a.addr + a.size;
	}
	if (text)
		munmap(text, MAPS_BYTES);
}
