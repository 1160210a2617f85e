/* Where the commands of one user on one host meet, and where this installation stands. */
#ifndef RUNTIME_PATHS_H
#define RUNTIME_PATHS_H

#include <stddef.h>

#include "../common/fault.h"

/*
 * The rule is that of docs/local-protocol.md. @tmpdir is the value of an option, or NULL: then
 * DMTCP_TMPDIR, TMPDIR, /tmp. Results are absolute; -ENAMETOOLONG when @bytes do not suffice.
 */
int runtime_tmpdir(const char *tmpdir, char *out, size_t bytes);
int runtime_directory(const char *tmpdir, char *out, size_t bytes);
int runtime_coordinator_socket(const char *tmpdir, unsigned int port, char *out, size_t bytes);
/* Of the agent that serves the computation of a coordinator on another host. */
int runtime_agent_socket(const char *tmpdir, const char *coordinator_host, unsigned int port,
			 char *out, size_t bytes);

/*
 * Makes the directory (0700, with its parents) that holds @path. Refuses one that somebody else
 * owns or may write to: who can place a socket there could pass himself off as our coordinator.
 */
int runtime_directory_prepare(const char *path, struct fault *fault);

/* Makes directory @path (0700) and its parents where they are missing. */
int runtime_make_directories(const char *path);

/* The folder that holds bin/ and lib/, from where this program was started. */
int runtime_tree(char *out, size_t bytes);

/* @path against the working directory, without resolving links. */
int runtime_absolute(const char *path, char *out, size_t bytes);

#endif
