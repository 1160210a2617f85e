/*
 * victim: pipes whose other end is closed
 * category: descriptors
 */
#include <fcntl.h>
#include <poll.h>

#include "victim.h"

static int no_writer[2], no_reader[2];
static int reads;

static void check(void)
{
	struct pollfd state = { .fd = no_writer[0], .events = POLLIN };
	char data[4];

	/* One byte of the last words at every tick, then the end. */
	victim_check(poll(&state, 1, 0) == 1 && state.revents & POLLHUP);
	if (reads < 500) {
		victim_check(read(no_writer[0], data, 1) == 1 && data[0] == (char)reads);
		reads++;
	}
	victim_check(write(no_reader[1], "x", 1) < 0 && errno == EPIPE);
}

int main(void)
{
	char words[500];

	signal(SIGPIPE, SIG_IGN);
	for (int n = 0; n < 500; n++)
		words[n] = n;
	victim_check(!pipe(no_writer) && !pipe(no_reader));
	victim_check(write(no_writer[1], words, sizeof(words)) == sizeof(words));
	close(no_writer[1]);
	close(no_reader[0]);
	return victim_run(check);
}
