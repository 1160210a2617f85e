/*
 * libdmtcp.so: preloaded where Yama (mode 1) lets only ancestors trace a process: every process
 * then allows it itself. The permission lasts over exec but not over fork, see prctl(2).
 */
#include <sys/prctl.h>

__attribute__((constructor)) static void permit(void)
{
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
}
