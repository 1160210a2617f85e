/* Who shares memory or descriptors with whom: what a restart could not make again. */
#ifndef ENGINE_FAMILY_H
#define ENGINE_FAMILY_H

#include "../common/fault.h"
#include "scan.h"

/*
 * Before anything is stopped. A restart gives a process what it shares by clone(2) from its parent
 * or an older sibling. -EOPNOTSUPP: one shares with somebody else, inside the computation or not.
 */
int family_check(const struct process_keys *members, struct fault *fault);

#endif
