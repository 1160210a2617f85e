/* Where the agent of this process is, also after a restart at another coordinator. */
#ifndef AGENT_PATH_H
#define AGENT_PATH_H

/* At the start: programs change their environment. */
void agent_path_begin(void);
/*
 * Looks again: a restart tells it to those that had no helper thread at the checkpoint by the command
 * line of process 1, which is ours in a restarted computation.
 */
void agent_path_look(void);

#endif
