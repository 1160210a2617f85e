/*
 * victim: log file with O_APPEND that grows at every tick
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "victim.h"

static int log_fd;
static off_t expected;

static void check(void)
{
	struct stat status;

	victim_check(fcntl(log_fd, F_GETFL) & O_APPEND);
	victim_check(!fstat(log_fd, &status));
	victim_check(status.st_size == expected);
	victim_check(write(log_fd, "line\n", 5) == 5);
	expected += 5;
}

int main(void)
{
	log_fd = open("log", O_CREAT | O_EXCL | O_WRONLY | O_APPEND, 0600);
	victim_check(log_fd >= 0);
	return victim_run(check);
}
