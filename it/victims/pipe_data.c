/*
 * victim: pipes with data: text, packets, full, enlarged
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "victim.h"

static int text[2], packets[2], full[2], large[2];

static int queued(int fd)
{
	int bytes = -1;

	victim_check(!ioctl(fd, FIONREAD, &bytes));
	return bytes;
}

static void check(void)
{
	char data[64];

	victim_check(queued(text[0]) == 11);
	victim_check(read(text[0], data, sizeof(data)) == 11 && !memcmp(data, "hello world", 11));
	victim_check(write(text[1], "hello world", 11) == 11);
	/* Three packets come out one by one. */
	victim_check(read(packets[0], data, sizeof(data)) == 3 && !memcmp(data, "one", 3));
	victim_check(read(packets[0], data, sizeof(data)) == 5 && !memcmp(data, "three", 5));
	victim_check(read(packets[0], data, sizeof(data)) == 2 && !memcmp(data, "42", 2));
	victim_check(write(packets[1], "one", 3) == 3 && write(packets[1], "three", 5) == 5);
	victim_check(write(packets[1], "42", 2) == 2);
	victim_check(queued(full[0]) == 65536 && write(full[1], "x", 1) < 0 && errno == EAGAIN);
	victim_check(fcntl(large[0], F_GETPIPE_SZ) == 256 * 1024 && queued(large[0]) == 200000);
}

int main(void)
{
	static char block[200000];

	for (size_t n = 0; n < sizeof(block); n++)
		block[n] = n * 7;
	victim_check(!pipe(text) && !pipe2(packets, O_DIRECT) && !pipe2(full, O_NONBLOCK));
	victim_check(!pipe2(large, O_CLOEXEC) && fcntl(large[0], F_SETPIPE_SZ, 256 * 1024) > 0);
	victim_check(write(text[1], "hello world", 11) == 11);
	victim_check(write(packets[1], "one", 3) == 3 && write(packets[1], "three", 5) == 5);
	victim_check(write(packets[1], "42", 2) == 2);
	victim_check(write(full[1], block, 65536) == 65536);
	victim_check(write(large[1], block, sizeof(block)) == sizeof(block));
	return victim_run(check);
}
