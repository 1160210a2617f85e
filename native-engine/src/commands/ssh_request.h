/* What dmtcp_ssh tells the far side through ssh: docs/ssh.md. */
#ifndef SSH_REQUEST_H
#define SSH_REQUEST_H

#include <jansson.h>

#include "../common/fault.h"
#include "ssh_options.h"
#include "ssh_wire.h"

/* The request for @o with the listener's @port; NULL with fault. */
json_t *ssh_request_make(const struct ssh_options *o, bool terminal,
			 const struct ssh_tokens *tokens, uint16_t port, struct fault *fault);

/* The command in it, the caller's to free; NULL: the login shell. */
char *ssh_request_command(const json_t *request);

/* The far side's half: environment and credential. */
int ssh_request_apply(const json_t *request, struct fault *fault);

/* Settings of the terminal on @fd, and back; nothing happens where there is none. */
json_t *ssh_terminal_read(int fd);
void ssh_terminal_apply(int fd, const json_t *terminal);

#endif
