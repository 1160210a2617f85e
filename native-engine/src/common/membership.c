#include "membership.h"

#include <sys/resource.h>

#define MARK (1ull << 62) /* more memory than any machine has: as good as no limit */
#define PORT_BITS 16

/* FNV-1a, of which the upper part is dropped. */
static uint64_t number_of(const char *computation_id)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	while (*computation_id)
		hash = (hash ^ (unsigned char)*computation_id++) * 0x100000001b3ull;
	return MARK | (hash << PORT_BITS & (MARK - 1));
}

static bool is_mark(uint64_t limit)
{
	return limit >= MARK && limit < 2 * MARK;
}

void membership_set(const char *computation_id, unsigned int port)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_RSS, &limit) || limit.rlim_max != RLIM_INFINITY ||
	    (limit.rlim_cur != RLIM_INFINITY && !is_mark(limit.rlim_cur)))
		return;
	limit.rlim_cur = number_of(computation_id) | (port & ((1u << PORT_BITS) - 1));
	setrlimit(RLIMIT_RSS, &limit);
}

void membership_clear(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_RSS, &limit) || !is_mark(limit.rlim_cur))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_RSS, &limit);
}

bool membership_matches(uint64_t limit, const char *computation_id, unsigned int port)
{
	uint64_t own = limit & ((1u << PORT_BITS) - 1);

	return limit - own == number_of(computation_id) && (!port || own == port);
}
