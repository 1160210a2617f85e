/*
 * victim: more full pipes than a plain user may have at full size
 * category: descriptors
 * needs: alone
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "victim.h"

#define PIPES 1300

static int pipes[PIPES][2], queued[PIPES], sizes[PIPES];

static int waiting(int n)
{
	int bytes = 0;

	victim_check(!ioctl(pipes[n][0], FIONREAD, &bytes));
	return bytes;
}

static void check(void)
{
	for (int n = 0; n < PIPES; n++)
		if (waiting(n) != queued[n] || fcntl(pipes[n][0], F_GETPIPE_SZ) != sizes[n])
			victim_bad("pipe %d has %d of %d bytes instead of %d of %d", n, waiting(n),
				   fcntl(pipes[n][0], F_GETPIPE_SZ), queued[n], sizes[n]);
}

int main(void)
{
	struct rlimit files = { 2 * PIPES + 64, 2 * PIPES + 64 };
	char data[4096];

	if (setrlimit(RLIMIT_NOFILE, &files))
		victim_unavailable("%d descriptors: %s", 2 * PIPES, strerror(errno));
	for (int n = 0; n < PIPES; n++) {
		memset(data, 'a' + n % 26, sizeof(data));
		if (pipe2(pipes[n], O_NONBLOCK))
			victim_unavailable("pipe %d: %s", n, strerror(errno));
		sizes[n] = fcntl(pipes[n][0], F_GETPIPE_SZ);
		for (int k = 0; k < sizes[n]; k += sizeof(data))
			victim_check(write(pipes[n][1], data, sizeof(data)) == sizeof(data));
		queued[n] = waiting(n);
	}
	victim_ready();
	do
		check();
	while (victim_tick());
	check();
	for (int n = 0; n < PIPES; n++)
		for (int k = 0; k < queued[n]; k += sizeof(data)) {
			victim_check(read(pipes[n][0], data, sizeof(data)) == sizeof(data));
			victim_check(data[0] == 'a' + n % 26 && data[4095] == data[0]);
		}
	return victim_ok();
}
