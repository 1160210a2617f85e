/* One line of /proc/self/maps, as dmtcp_skip_memory_region_ckpting() is given it. */
#ifndef PROCMAPSAREA_H
#define PROCMAPSAREA_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FILENAMESIZE 1024

typedef char *VA;

typedef struct ProcMapsArea {
	VA addr;
	VA endAddr;
	size_t size;
	off_t offset;
	int prot;  /* PROT_READ, PROT_WRITE, PROT_EXEC */
	int flags; /* MAP_SHARED or MAP_PRIVATE, MAP_ANONYMOUS */
	unsigned int long devmajor;
	unsigned int long devminor;
	ino_t inodenum;
	uint64_t properties;
	char name[FILENAMESIZE];
} ProcMapsArea;

#endif
