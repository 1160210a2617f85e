/*
 * victim: FIFOs open at one end only: a reader without writers, a writer without readers
 * category: descriptors
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "victim.h"

static int reader, writer, late;

static void check(void)
{
	struct pollfd state = { .fd = reader, .events = POLLIN };
	char byte;

	victim_check((fcntl(reader, F_GETFL) & O_ACCMODE) == O_RDONLY);
	victim_check((fcntl(writer, F_GETFL) & O_ACCMODE) == O_WRONLY);
	victim_check(read(reader, &byte, 1) == 0);
	victim_check(poll(&state, 1, 0) == 0 || !(state.revents & POLLIN));
	victim_check(write(writer, "x", 1) < 0 && errno == EPIPE);
	/* Somebody opens the other end by its name. */
	late = open("first", O_WRONLY | O_NONBLOCK);
	victim_check(late >= 0 && write(late, "y", 1) == 1);
	victim_check(read(reader, &byte, 1) == 1 && byte == 'y' && !close(late));
}

int main(void)
{
	int peer;

	signal(SIGPIPE, SIG_IGN);
	victim_check(!mkfifo("first", 0600) && !mkfifo("second", 0600));
	reader = open("first", O_RDONLY | O_NONBLOCK);
	peer = open("second", O_RDONLY | O_NONBLOCK);
	writer = open("second", O_WRONLY | O_NONBLOCK);
	victim_check(reader >= 0 && writer >= 0 && !close(peer));
	return victim_run(check);
}
