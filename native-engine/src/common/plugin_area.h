/*
 * Where libdmtcp.so, the engine and the builder of a restart meet in the memory of a process that
 * has plugins. The library tells its address by the local socket (docs/local-protocol.md,
 * plugin-attach); numbers and places are part of the image format.
 */
#ifndef PLUGIN_AREA_H
#define PLUGIN_AREA_H

#include <stdint.h>

#define PLUGIN_AREA_MAGIC 0x61657261706c7564ull /* "dulparea" */
#define PLUGIN_LINKS 16
#define PLUGIN_ENVIRONMENT_BYTES (256u << 10)
#define PLUGIN_FAILURE_BYTES 256

struct plugin_area {
	uint64_t magic;
	uint32_t restarts;      /* the builder adds 1 before the helper thread runs */
	uint32_t hooks_done;    /* the library: = restarts once the RESTART hooks have run */
	uint32_t local_helpers; /* the builder: helper threads that it restarts on this host */
	int32_t links[PLUGIN_LINKS]; /* the library: its connections to the agent, -1: none */
	char failure[PLUGIN_FAILURE_BYTES]; /* the library: of the RESTART hooks, "": none */
	uint32_t environment_bytes;         /* the builder: of what follows */
	char environment[PLUGIN_ENVIRONMENT_BYTES]; /* of dmtcp_restart: terminated assignments */
};

#endif
