/* Copies of what is in pipes need a pipe. */
#ifndef PIPE_H
#define PIPE_H

/* Once, when the engine starts: members may leave no room for one later. */
void pipe_keep_spare(void);

#endif
