/*
 * victim: FIFO with data, and one whose name is gone
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "victim.h"

static int reader, writer, nameless;

static void check(void)
{
	char data[16];

	victim_check(read(reader, data, sizeof(data)) == 6 && !memcmp(data, "queued", 6));
	victim_check(write(writer, "queued", 6) == 6);
	victim_check(read(nameless, data, sizeof(data)) == 4 && !memcmp(data, "self", 4));
	victim_check(write(nameless, "self", 4) == 4);
	victim_check(fcntl(reader, F_GETFL) & O_NONBLOCK && !(fcntl(writer, F_GETFL) & O_NONBLOCK));
	victim_check(access("nameless", F_OK) && !access("fifo", F_OK));
}

int main(void)
{
	victim_check(!mkfifo("fifo", 0600) && !mkfifo("nameless", 0600));
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	writer = open("fifo", O_WRONLY);
	nameless = open("nameless", O_RDWR);
	victim_check(reader >= 0 && writer >= 0 && nameless >= 0 && !unlink("nameless"));
	victim_check(write(writer, "queued", 6) == 6 && write(nameless, "self", 4) == 4);
	return victim_run(check);
}
