/* User and group ids, supplementary groups, capabilities. */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include "resource.h"

extern const struct resource resource_credentials;

#endif
