/*
 * victim: resource limits
 * category: process
 */
#include <sys/resource.h>

#include "victim.h"

static struct rlimit limits[RLIM_NLIMITS];

static void check(void)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit now;

		victim_check(getrlimit(i, &now) == 0);
		if (now.rlim_cur != limits[i].rlim_cur || now.rlim_max != limits[i].rlim_max)
			victim_bad("limit %d was %lu/%lu and is %lu/%lu", i, limits[i].rlim_cur,
				   limits[i].rlim_max, now.rlim_cur, now.rlim_max);
	}
}

static void lower(int which, rlim_t to)
{
	struct rlimit limit;

	victim_check(getrlimit(which, &limit) == 0);
	if (limit.rlim_max > to)
		limit.rlim_max = to;
	limit.rlim_cur = limit.rlim_max / 2;
	victim_check(setrlimit(which, &limit) == 0);
}

int main(void)
{
	lower(RLIMIT_CORE, 1 << 20);
	lower(RLIMIT_NOFILE, 64);
	lower(RLIMIT_STACK, 4 << 20);
	lower(RLIMIT_FSIZE, 1 << 30);
	lower(RLIMIT_SIGPENDING, 100);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		victim_check(getrlimit(i, &limits[i]) == 0);
	return victim_run(check);
}
