/* What a process has once and is neither memory nor descriptors: umask, directories, prctl(2), ... */
#ifndef ATTRIBUTES_H
#define ATTRIBUTES_H

#include "resource.h"

extern const struct resource resource_attributes;

#endif
