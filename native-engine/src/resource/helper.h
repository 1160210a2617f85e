/* The thread of a process that runs the hooks of its plugins: preload/helper.c. */
#ifndef HELPER_H
#define HELPER_H

#include "resource.h"

struct helper_record { /* RECORD_HELPER */
	int32_t tid;   /* virtual */
	uint32_t reserved;
	uint64_t area; /* address of its struct plugin_area */
};

extern const struct resource resource_helper;

/*
 * Whether descriptor @number is a connection of the library to the agent: no part of the program, closed
 * after a restart.
 */
bool helper_owns(struct process *p, int number);

#endif
