/*
 * victim: CLOCK_MONOTONIC and CLOCK_BOOTTIME neither jump nor run backwards
 * category: time
 */
#include <stdint.h>

#include "victim.h"

static int64_t now_ms(clockid_t clock)
{
	struct timespec t;

	victim_check(clock_gettime(clock, &t) == 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void check(void)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME,
					    CLOCK_MONOTONIC_COARSE };
	static int64_t before[4];

	for (int i = 0; i < 4; i++) {
		int64_t now = now_ms(clocks[i]);

		/* between two ticks only 100 ms of the program's own time pass; a minute is generous */
		if (before[i] && (now < before[i] || now > before[i] + 60000))
			victim_bad("clock %d went from %ld to %ld ms", clocks[i], (long)before[i],
				   (long)now);
		before[i] = now;
	}
}

int main(void)
{
	return victim_run(check);
}
