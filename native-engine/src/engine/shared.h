/* The ids of what the members of a round share: tables behind round_file_id and round_inode_id. */
#ifndef ENGINE_SHARED_H
#define ENGINE_SHARED_H

#include "round.h"

int shared_open(struct round *r); /* -ENOMEM */
void shared_close(struct round *r);

#endif
