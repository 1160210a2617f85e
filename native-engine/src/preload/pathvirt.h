/* Names of files as the program has them, and where they are: DMTCP_PATH_MAPPING and plugins. */
#ifndef PATHVIRT_H
#define PATHVIRT_H

#include <stdbool.h>

/* Whether --pathvirt, or a mapping, was given to dmtcp_launch. */
bool pathvirt_wanted(void);
/* At the start, from the environment; and anew after a restart, from that of dmtcp_restart. */
void pathvirt_begin(void);
void pathvirt_restarted(void);

/* Whether there is a mapping or a plugin that may have one. */
bool pathvirt_active(void);
/* As dmtcp_internal_real_path(). */
const char *pathvirt_real(const char *path, char *out);
void pathvirt_virtual(char *path);

#endif
