/* What libmtcp and the engine say to each other: a struct in the program's memory. */
#ifndef MTCP_ANSWER_H
#define MTCP_ANSWER_H

#include <stdint.h>

#define MTCP_ANSWER_MAGIC 0x4d544350u

enum mtcp_answer_state {
	MTCP_WAITING = 0,
	MTCP_ANSWERED = 1,  /* by the engine, everything else has been filled in */
	MTCP_RESTARTED = 2, /* by the restart, before the first thread ran */
};

/*
 * Nothing is open between the two, so nothing of it is in the image. The engine writes with
 * process_vm_writev(2), @state last; the program looks at @state.
 */
struct mtcp_answer {
	uint32_t magic;
	uint32_t state;
	int32_t result; /* 0 or -errno */
	uint32_t reserved;
	uint64_t generation, image_bytes, stopped_us;
	char text[1024]; /* of the failure, with its remedy */
};

#endif
