/*
 * victim: memory that is never both writable and executable (PR_SET_MDWE)
 * category: process
 * remark: kernels without it (before 6.3) are not checked
 */
#include <sys/mman.h>
#include <sys/prctl.h>

#include "victim.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif

static int bits;

static void check(void)
{
	victim_check(prctl(PR_GET_MDWE, 0, 0, 0, 0) == bits);
	if (bits > 0)
		victim_check(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
			     errno == EACCES);
}

int main(void)
{
	prctl(PR_SET_MDWE, 1, 0, 0, 0);
	bits = prctl(PR_GET_MDWE, 0, 0, 0, 0);
	return victim_run(check);
}
