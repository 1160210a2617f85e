/*
 * victim: pseudo terminals with no room left for output, of which all is read in the end
 * category: terminal
 */
#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>

#include "victim.h"

#define PTYS 3

static int masters[PTYS], slaves[PTYS];
static size_t queued[PTYS];

static char byte_at(size_t place)
{
	return 'a' + place * 7 / 3 % 26;
}

/* The kernel moves bytes on in the background: full is what stays full. */
static void fill(int n, size_t piece)
{
	char data[4096];

	for (int quiet = 0; quiet < 20;) {
		ssize_t bytes;

		for (size_t k = 0; k < piece; k++)
			data[k] = byte_at(queued[n] + k);
		bytes = write(slaves[n], data, piece);
		if (bytes > 0) {
			queued[n] += bytes;
			quiet = 0;
		} else if (piece > 1) {
			piece = 1;
		} else {
			victim_check(errno == EAGAIN);
			usleep(5000);
			quiet++;
		}
	}
}

static void check(void)
{
	for (int n = 0; n < PTYS; n++) {
		int waiting = 0;

		victim_check(!ioctl(masters[n], FIONREAD, &waiting) && waiting > 0);
	}
}

static void read_all(int n)
{
	char data[4096];
	size_t seen = 0;

	while (seen < queued[n]) {
		ssize_t bytes = read(masters[n], data, sizeof(data));

		if (bytes <= 0)
			victim_bad("pty %d: %zu bytes instead of %zu", n, seen, queued[n]);
		for (ssize_t k = 0; k < bytes; k++, seen++)
			if (data[k] != byte_at(seen))
				victim_bad("pty %d: byte %zu is wrong", n, seen);
	}
	victim_check(fcntl(masters[n], F_SETFL, O_NONBLOCK) == 0);
	victim_check(read(masters[n], data, 1) < 0 && errno == EAGAIN);
}

int main(void)
{
	static const size_t pieces[PTYS] = { 1000, 1, 2048 };

	for (int n = 0; n < PTYS; n++) {
		victim_check(!openpty(&masters[n], &slaves[n], NULL, NULL, NULL));
		victim_check(fcntl(slaves[n], F_SETFL, O_NONBLOCK) == 0);
		fill(n, pieces[n]);
	}
	victim_ready();
	do
		check();
	while (victim_tick());
	check();
	for (int n = 0; n < PTYS; n++)
		read_all(n);
	return victim_ok();
}
