/*
 * The connections between dmtcp_ssh and dmtcp_sshd: plain TCP, so that a checkpoint drains them and a
 * restart makes them again. Each side proves with half of a random token, which went through ssh,
 * that it is the one.
 */
#ifndef SSH_WIRE_H
#define SSH_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#define SSH_TOKEN_BYTES 32

struct ssh_tokens {
	uint8_t connector[SSH_TOKEN_BYTES], acceptor[SSH_TOKEN_BYTES];
};

enum ssh_channel {
	SSH_IO,      /* there: the command's input; back: its output */
	SSH_ERROR,   /* back: its error output */
	SSH_CONTROL, /* frames, both ways */
	SSH_CHANNELS,
};

enum ssh_frame_type {
	SSH_EXIT = 1,     /* back: the command's end; @a is ssh's exit status */
	SSH_WINDOW = 2,   /* there: @a rows << 16 | columns, @b pixels the same way */
	SSH_NO_INPUT = 3, /* back: nobody reads the input any more */
	SSH_STOP = 4,     /* there: nobody wants the output of channel @a any more */
};

struct ssh_frame { /* on the wire in network order */
	uint32_t type, a, b;
};

int ssh_tokens_make(struct ssh_tokens *t);
/* 128 hex digits and a 0 byte. */
void ssh_tokens_print(const struct ssh_tokens *t, char text[4 * SSH_TOKEN_BYTES + 1]);
int ssh_tokens_read(struct ssh_tokens *t, const char *text);

/* A listener on all addresses; *@port in host order. The descriptor or -errno. */
int ssh_listen(uint16_t *port);

/*
 * All channels, within @timeout_ms: 0, -ETIMEDOUT, other -errno; then none is open. Strangers are
 * sent away. @ended may be NULL; asked now and then, true ends it with -EPIPE.
 */
int ssh_accept(int listener, const struct ssh_tokens *t, uint32_t timeout_ms,
	       bool (*ended)(void *context), void *context, int channels[SSH_CHANNELS]);
/* @address is numeric. */
int ssh_connect(const char *address, uint16_t port, const struct ssh_tokens *t,
		uint32_t timeout_ms, int channels[SSH_CHANNELS]);

#endif
