/*
 * victim: eventfd: counter, semaphore, large counts
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "victim.h"

static int counter, semaphore, large;

static void check(void)
{
	uint64_t value;

	victim_check(read(counter, &value, 8) == 8 && value == 77);
	victim_check(write(counter, &value, 8) == 8);
	victim_check(read(semaphore, &value, 8) == 8 && value == 1);
	victim_check(read(semaphore, &value, 8) == 8 && value == 1);
	victim_check(read(semaphore, &value, 8) == 8 && value == 1);
	victim_check(read(semaphore, &value, 8) < 0 && errno == EAGAIN);
	value = 3;
	victim_check(write(semaphore, &value, 8) == 8);
	victim_check(read(large, &value, 8) == 8 && value == UINT64_MAX - 1);
	victim_check(write(large, &value, 8) == 8);
	victim_check(!(fcntl(counter, F_GETFL) & O_NONBLOCK));
}

int main(void)
{
	uint64_t value = UINT64_MAX - 1;

	counter = eventfd(77, 0);
	semaphore = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
	large = eventfd(0, 0);
	victim_check(counter >= 0 && semaphore >= 0 && write(large, &value, 8) == 8);
	return victim_run(check);
}
