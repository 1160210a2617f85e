/* The processor that a program was running on, and the layout of its extended registers. */
#ifndef CPU_H
#define CPU_H

#include "resource.h"

/*
 * Brings an XSAVE area (as PTRACE_GETREGSET NT_X86_XSTATE gave it there) into the layout of the
 * processor here. *@out is malloc'ed. Fault cpu-feature-missing when it holds live state of a
 * component that is not to be had here.
 */
int cpu_repack_xstate(const struct buffer *records, const void *area, size_t bytes, void **out,
		      size_t *out_bytes, struct fault *fault);

extern const struct resource resource_cpu;

#endif
