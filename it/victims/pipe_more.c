/*
 * victim: pipes: flags of each end, opened again by /proc, smallest size, read in part, spliced
 * category: descriptors
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "victim.h"

static int again[2], small[2], part[2], given[2], spliced[2], packet[2];
static int writer, both;
static char page[4096] __attribute__((aligned(4096)));

static int unread(int fd)
{
	int bytes = -1;

	victim_check(!ioctl(fd, FIONREAD, &bytes));
	return bytes;
}

static void check(void)
{
	victim_check(fcntl(small[0], F_GETPIPE_SZ) == 4096);
	victim_check(fcntl(small[0], F_GETFL) == O_NONBLOCK);
	victim_check(fcntl(small[1], F_GETFL) == O_WRONLY);
	victim_check(unread(again[0]) == 5 && unread(part[0]) == 3000 && unread(given[0]) == 4096);
	victim_check(unread(spliced[0]) == 10);
	victim_check((fcntl(writer, F_GETFL) & O_ACCMODE) == O_WRONLY);
	victim_check((fcntl(both, F_GETFL) & O_ACCMODE) == O_RDWR);
	victim_check(fcntl(packet[1], F_GETFL) == (O_WRONLY | O_DIRECT));
	victim_check(fcntl(packet[0], F_GETFL) == O_RDONLY);
}

int main(void)
{
	struct iovec piece = { page, sizeof(page) };
	char path[64], text[8192];
	loff_t at = 3;
	int file, result, n;

	victim_check(!pipe(again) && !pipe(small) && !pipe(part) && !pipe(given) && !pipe(spliced));
	victim_check(!pipe2(packet, O_DIRECT));
	victim_check(!fcntl(packet[0], F_SETFL, 0));
	victim_check(write(packet[1], "abc", 3) == 3 && write(packet[1], "defgh", 5) == 5);
	sprintf(path, "/proc/self/fd/%d", again[0]);
	writer = open(path, O_WRONLY);
	both = open(path, O_RDWR);
	victim_check(writer >= 0 && write(writer, "12", 2) == 2);
	victim_check(both >= 0 && write(both, "345", 3) == 3);
	victim_check(fcntl(small[1], F_SETPIPE_SZ, 4096) == 4096);
	victim_check(!fcntl(small[0], F_SETFL, O_NONBLOCK));
	memset(text, 'p', sizeof(text));
	victim_check(write(part[1], text, 8000) == 8000 && read(part[0], text, 5000) == 5000);
	memset(page, 'g', sizeof(page));
	victim_check(vmsplice(given[1], &piece, 1, 0) == sizeof(page));
	file = open("data", O_CREAT | O_RDWR, 0600);
	victim_check(write(file, "0123456789abcdef", 16) == 16);
	victim_check(splice(file, &at, spliced[1], NULL, 10, 0) == 10);
	result = victim_run(check);
	victim_check(read(again[0], text, 100) == 5 && !memcmp(text, "12345", 5));
	victim_check(read(given[0], text, 4097) == 4096 && text[0] == 'g' && text[4095] == 'g');
	victim_check(read(spliced[0], text, 100) == 10 && !memcmp(text, "3456789abc", 10));
	n = read(packet[0], text, 2);
	victim_check(n == 2 && !memcmp(text, "ab", 2));
	n = read(packet[0], text, 10);
	/* The rest of a packet is dropped, pipe(7). */
	victim_check(n == 5 && !memcmp(text, "defgh", 5));
	return result;
}
