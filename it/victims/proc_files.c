/*
 * victim: /proc files of its own and of the system
 * category: descriptors
 */
#include <fcntl.h>

#include "victim.h"

static int status, maps, uptime, namespace_fd, self, memory;
static const int known = 4711;

static void check(void)
{
	char text[4096], expected[32];
	ssize_t n;
	int comm, read_back;

	n = pread(status, text, sizeof(text) - 1, 0);
	victim_check(n > 0);
	text[n] = 0;
	snprintf(expected, sizeof(expected), "\nPid:\t%d\n", getpid());
	victim_check(strstr(text, expected));
	victim_check(pread(maps, text, sizeof(text), 0) > 0);
	victim_check(pread(uptime, text, sizeof(text), 0) > 0);
	n = readlink("/proc/self/ns/uts", text, sizeof(text) - 1);
	victim_check(n > 0);
	snprintf(expected, sizeof(expected), "/proc/self/fd/%d", namespace_fd);
	victim_check(readlink(expected, text + 100, sizeof(text) - 100) == n);
	victim_check(!memcmp(text, text + 100, n));
	victim_check(fcntl(self, F_GETFL) & O_PATH);
	comm = openat(self, "comm", O_RDONLY);
	victim_check(comm >= 0 && read(comm, text, 10) == 10 && !memcmp(text, "proc_files", 10));
	close(comm);
	victim_check(pread(memory, &read_back, sizeof(known), (off_t)&known) == sizeof(known));
	victim_check(read_back == known);
}

int main(void)
{
	status = open("/proc/self/status", O_RDONLY);
	maps = open("/proc/self/maps", O_RDONLY);
	uptime = open("/proc/uptime", O_RDONLY);
	namespace_fd = open("/proc/self/ns/uts", O_RDONLY);
	self = open("/proc/self", O_PATH);
	memory = open("/proc/self/mem", O_RDWR);
	victim_check(status >= 0 && maps >= 0 && uptime >= 0 && namespace_fd >= 0);
	victim_check(self >= 0 && memory >= 0);
	return victim_run(check);
}
