/* The member on the far side: its connections, and the command. */
#ifndef SSHD_SERVE_H
#define SSHD_SERVE_H

#include <jansson.h>

#include "../common/fault.h"
#include "ssh_wire.h"

/*
 * Connects to whoever sent @request, or is connected to, after telling it by @say that this is
 * wanted.
 */
int sshd_connect(const json_t *request, void (*say)(const char *key, json_t *value),
		 int channels[SSH_CHANNELS], struct fault *fault);
/* Runs the command to its end; takes over the channels. Exit status for this process. */
int sshd_serve(const json_t *request, int channels[SSH_CHANNELS]);

#endif
