/* dmtcp_launch --modify-env: after a restart the environment is changed as a file says. */
#ifndef MODIFY_ENV_H
#define MODIFY_ENV_H

#include <stdbool.h>

bool modify_env_wanted(void);
/* While no other thread runs: reads DMTCP_ENV_FILE (default dmtcp_env.txt) of @directory. */
void modify_env(const char *directory);

#endif
