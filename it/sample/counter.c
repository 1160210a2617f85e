/* The program of ./quickstart: counts, twice a second. It knows nothing of checkpoints. */
#include <stdio.h>
#include <time.h>

int main(void)
{
	struct timespec pause = { .tv_nsec = 500 * 1000 * 1000 };

	for (unsigned long count = 1;; count++) {
		printf("count %lu\n", count);
		fflush(stdout);
		nanosleep(&pause, NULL);
	}
}
