/*
 * victim: executable link, auxiliary vector, program name
 * category: process
 * variants: dynamic static
 */
#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include "victim.h"

static char link_before[4096], auxv_before[4096];
static ssize_t link_bytes, auxv_bytes;

static ssize_t auxv(char *to, size_t size)
{
	int fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	victim_check(fd >= 0);
	got = read(fd, to, size);
	close(fd);
	return got;
}

static void check(void)
{
	char now[4096], name[16];

	victim_check(readlink("/proc/self/exe", now, sizeof(now)) == link_bytes);
	victim_check(!memcmp(now, link_before, link_bytes));
	victim_check(auxv(now, sizeof(now)) == auxv_bytes);
	victim_check(!memcmp(now, auxv_before, auxv_bytes));
	victim_check(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "my own name"));
	victim_check(getauxval(AT_PAGESZ) == 4096);
}

int main(void)
{
	link_bytes = readlink("/proc/self/exe", link_before, sizeof(link_before));
	auxv_bytes = auxv(auxv_before, sizeof(auxv_before));
	victim_check(link_bytes > 0 && auxv_bytes > 0);
	prctl(PR_SET_NAME, "my own name");
	return victim_run(check);
}
