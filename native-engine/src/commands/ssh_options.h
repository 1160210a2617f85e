/* The command line of ssh(1), as far as dmtcp_ssh must understand it. */
#ifndef SSH_OPTIONS_H
#define SSH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct ssh_options {
	const char *program; /* the real ssh or rsh */
	char **kept;         /* options for the start of the far side; its own array */
	size_t kept_count;
	const char *host;    /* as given: [user@]host or ssh://... */
	char *command;       /* words joined by blanks; NULL: the login shell */
	bool runs;           /* it runs something there; else it is for the real ssh alone */
	bool stdin_null, background, quiet;
	bool forwards;       /* ssh is needed as long as the command runs */
	int terminal;        /* -1: none wanted, 0: as it comes, 1: -t, 2: -tt */
	char escape;         /* 0: none */
};

/*
 * Reads @argv[0], the real program, and its arguments. -ENOMEM; -EINVAL: the real one shall say
 * what is wrong. ssh_options_free() in any case.
 */
int ssh_options_read(char **argv, struct ssh_options *out);
void ssh_options_free(struct ssh_options *o);

#endif
