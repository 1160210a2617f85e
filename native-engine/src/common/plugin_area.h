/*
 * Where libdmtcp.so, the engine and the builder of a restart meet in the memory of a process that
 * has plugins. The library tells its address by the local socket (docs/local-protocol.md,
 * plugin-attach); numbers and places are part of the image format.
 */
#ifndef PLUGIN_AREA_H
#define PLUGIN_AREA_H

#include <stdint.h>

#define PLUGIN_AREA_MAGIC 0x33657261706c7564ull
/* Of images made before THREAD_RESUME was raised in all threads: the area ends with the choices. */
#define PLUGIN_AREA_WITHOUT_RESUME 0x32657261706c7564ull
/* Of images made before there were choices: the area ends with the environment. */
#define PLUGIN_AREA_WITHOUT_CHOICES 0x61657261706c7564ull
#define PLUGIN_LINKS 16
#define PLUGIN_ENVIRONMENT_BYTES (256u << 10)
#define PLUGIN_FAILURE_BYTES 256
#define PLUGIN_SKIPS 256
#define PLUGIN_FILES 256
#define PLUGIN_NOTE_BYTES (16u << 10)
#define PLUGIN_MAPPING_BYTES 8192

enum plugin_file_choice { /* bits */
	PLUGIN_FILE_SAVE = 1,      /* its content goes into the image */
	PLUGIN_FILE_OVERWRITE = 2, /* a file that differs makes room for it at the restart */
};

/* The library, while all else stands still: what plugins have said about this image. */
struct plugin_choices {
	uint32_t skip_count, file_count, note_bytes, reserved;
	struct {
		uint64_t start, end;
	} skips[PLUGIN_SKIPS]; /* memory that is left out */
	struct {
		uint64_t device, inode;
		uint32_t choice, reserved;
	} files[PLUGIN_FILES];
	char notes[PLUGIN_NOTE_BYTES];           /* pairs of terminated strings: key, value */
	char path_mapping[PLUGIN_MAPPING_BYTES]; /* common/path_mapping.h; "": none */
};

/* At the top of a room: of one thread. */
struct plugin_resume_report {
	uint32_t done;
	char failure[124]; /* "": none */
};

/* The library, before hooks_done is set; the builder lets the threads that it still holds go through. */
struct plugin_resume {
	uint64_t entry; /* a function that is given a report; 0: there is nothing to be done */
	uint64_t rooms; /* stacks for the threads, with a report at the top of each */
	uint32_t room_bytes, count;
	uint32_t done; /* the builder: all are through */
	uint32_t reserved;
};

struct plugin_area {
	uint64_t magic;
	uint32_t restarts;      /* the builder adds 1 before the helper thread runs */
	uint32_t hooks_done;    /* the library: = restarts once the RESTART hooks have run */
	uint32_t local_helpers; /* the builder: helper threads that it restarts on this host */
	int32_t links[PLUGIN_LINKS]; /* the library: its connections to the agent, -1: none */
	char failure[PLUGIN_FAILURE_BYTES]; /* the library: of the RESTART hooks, "": none */
	uint32_t environment_bytes;         /* the builder: of what follows */
	char environment[PLUGIN_ENVIRONMENT_BYTES]; /* of dmtcp_restart: terminated assignments */
	struct plugin_choices choices;
	struct plugin_resume resume;
};

#endif
