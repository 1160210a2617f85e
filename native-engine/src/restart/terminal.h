/*
 * The terminal of the restarted processes: a new pty, and the bytes between it and the terminal
 * (or pipes and files) that dmtcp_restart was started with.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "../common/fault.h"
#include "image_set.h"

#define TERMINAL_BUFFER_BYTES 4096

struct terminal_stream {
	char data[TERMINAL_BUFFER_BYTES];
	size_t from, to; /* bytes read and not yet written */
};

struct terminal {
	int master;  /* -1: the processes have no terminal */
	int slave;   /* kept open: the pty never hangs up while we are here */
	char path[64];
	bool user_terminal; /* standard input is one */
	bool raw;           /* and is in raw mode: we are in its foreground */
	bool input_ended;
	bool hung_up;       /* the user's end has gone: so has the pty, for the processes */
	bool output_lost;   /* nobody reads our standard output any more */
	bool plain_newlines; /* standard output is no terminal: without carriage returns */
	bool return_held;    /* one has been read that may belong to a newline */
	struct termios saved;
	struct terminal_stream in, out;
};

/*
 * For process 1, which outlives the front: @master is a duplicate of the front's, standard input
 * and output are the front's. Carries output only.
 */
void terminal_adopt(struct terminal *t, int master);
/* The user's terminal is in the mode of a front that was killed: back to the mode before. */
void terminal_recover(struct terminal *t);
/* @set: whose processes will have it. */
int terminal_open(struct terminal *t, const struct image_set *set, struct fault *fault);
/* Raw mode and window size, when we are in the foreground of the user's terminal. */
void terminal_take(struct terminal *t);
/* Puts the user's terminal back as it was. Harmless at any time. */
void terminal_give_back(struct terminal *t);
void terminal_resize(struct terminal *t);
/* A process group in the foreground of the pty gets @signal_number. */
void terminal_signal_foreground(struct terminal *t, int signal_number);

/* What to wait for: fills 3 entries. *@timeout_ms is lowered where a look is due later. */
void terminal_wait_for(struct terminal *t, struct pollfd waiting[3], int *timeout_ms);
void terminal_pump(struct terminal *t, const struct pollfd waiting[3]);
/* Closes the pty: the kernel tells the processes, as when a terminal window is closed. */
void terminal_hang_up(struct terminal *t);
/* Everything that has been written to the pty up to now goes out; at most some 100 ms. */
void terminal_drain(struct terminal *t);

#endif
