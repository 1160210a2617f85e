/* What a process has once: umask, directories, personality, prctl(2), membarrier(2). */
#ifndef ATTRIBUTES_H
#define ATTRIBUTES_H

#include "resource.h"

extern const struct resource resource_attributes;

#endif
