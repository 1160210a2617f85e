/*
 * victim: a full pipe between two processes, of which the reader comes later
 * category: descriptors
 */
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "victim.h"

static int input;
static uint32_t expected;

/* Counts into the pipe; stands still most of the time, because the pipe is full. */
static void produce(int output)
{
	uint32_t number = 1;

	while (write(output, &number, sizeof(number)) == sizeof(number))
		number++;
	_exit(1);
}

static void check(void)
{
	for (int n = 0; n < 1000; n++) {
		uint32_t number = 0;

		victim_check(read(input, &number, sizeof(number)) == sizeof(number));
		if (number != ++expected)
			victim_bad("%u instead of %u", number, expected);
	}
}

int main(void)
{
	int ends[2], result;
	pid_t child;

	victim_check(!pipe(ends));
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		produce(ends[1]);
	}
	close(ends[1]);
	input = ends[0];
	usleep(50000); /* it is full */
	result = victim_run(check);
	kill(child, SIGKILL);
	victim_check(waitpid(child, NULL, 0) == child);
	return result;
}
