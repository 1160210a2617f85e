/* All kinds of process state, in the order in which they are captured and restored. */
#include "attributes.h"
#include "clocks.h"
#include "cpu.h"
#include "credentials.h"
#include "helper.h"
#include "limits.h"
#include "numa.h"
#include "path_here.h"
#include "plugin_choices.h"
#include "resource.h"
#include "seccomp.h"
#include "signals.h"
#include "threads.h"
#include "timers.h"

extern const struct resource process_resource;
extern const struct resource resource_namespaces;
extern const struct resource memory_resource;
extern const struct resource resource_ldt;
extern const struct resource resource_memory_lock;
extern const struct resource descriptors_resource;
extern const struct resource sysv_ipc_resource;
extern const struct resource sysv_undo_resource;
extern const struct resource restart_word_resource;

const struct resource *const resource_table[] = {
	&process_resource,
	&resource_namespaces,
	&resource_cpu,
	&resource_clocks,
	&resource_descriptor_limit,
	&memory_resource,
	&resource_ldt, /* before the registers that select its segments */
	&descriptors_resource,
	&sysv_ipc_resource,
	&sysv_undo_resource,
	&resource_attributes,
	&resource_threads,
	&resource_memory_policy,
	&resource_seccomp,
	&resource_signals, /* pending ones before the timers that may have sent them */
	&resource_timers,
	&resource_credentials, /* making threads needs what is given up here */
	&resource_limits,
	&resource_memory_lock,
	&restart_word_resource,
	&resource_last_state,
	&resource_helper,
	&path_mapping_resource,
	&notes_resource,
	NULL,
};
