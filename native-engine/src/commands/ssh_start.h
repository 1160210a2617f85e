/*
 * Starting the far side through the real ssh. What is said there, on ssh's standard input and
 * output: docs/ssh.md.
 */
#ifndef SSH_START_H
#define SSH_START_H

#include <sys/types.h>

#include "../common/fault.h"
#include "ssh_options.h"
#include "ssh_wire.h"

#define SSH_LINE_START "DMTCP-SSHD "

struct ssh_link {
	int channels[SSH_CHANNELS];
	bool terminal; /* the command has one there, and this side's is to be raw */
};

enum ssh_outcome {
	SSH_RUNS = 0,
	SSH_REFUSED = 255, /* by ssh itself, which has said why */
	/* Errors below 0: the command has not been started; @fault tells why. */
};

/* Starts @o's command on its host. */
int ssh_start(const struct ssh_options *o, struct ssh_link *link, struct fault *fault);

#endif
