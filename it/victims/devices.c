/*
 * victim: /dev/null, zero, full, random, urandom
 * category: descriptors
 */
#include <fcntl.h>

#include "victim.h"

static int null, zero, full, random_fd, urandom;

static void check(void)
{
	char byte = 1;

	victim_check(write(null, "x", 1) == 1 && read(null, &byte, 1) == 0);
	victim_check(read(zero, &byte, 1) == 1 && byte == 0);
	victim_check(write(full, "x", 1) < 0 && errno == ENOSPC);
	victim_check(read(random_fd, &byte, 1) == 1 && read(urandom, &byte, 1) == 1);
	victim_check(fcntl(urandom, F_GETFL) & O_NONBLOCK);
}

int main(void)
{
	null = open("/dev/null", O_RDWR);
	zero = open("/dev/zero", O_RDONLY);
	full = open("/dev/full", O_WRONLY);
	random_fd = open("/dev/random", O_RDONLY);
	urandom = open("/dev/urandom", O_RDONLY | O_NONBLOCK);
	victim_check(null >= 0 && zero >= 0 && full >= 0 && random_fd >= 0 && urandom >= 0);
	return victim_run(check);
}
