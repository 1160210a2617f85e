/*
 * victim: oom_score_adj and coredump_filter
 * category: process
 */
#include <fcntl.h>

#include "victim.h"

static long number(const char *path, int base)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	victim_check(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strtol(text, NULL, base);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	victim_check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void check(void)
{
	victim_check(number("/proc/self/oom_score_adj", 10) == 321);
	victim_check(number("/proc/self/coredump_filter", 16) == 0x11);
}

int main(void)
{
	put("/proc/self/oom_score_adj", "321");
	put("/proc/self/coredump_filter", "0x11");
	return victim_run(check);
}
