/* Seccomp filters, seccomp(2). */
#ifndef SECCOMP_RESOURCE_H
#define SECCOMP_RESOURCE_H

#include "resource.h"

extern const struct resource resource_seccomp;

#endif
