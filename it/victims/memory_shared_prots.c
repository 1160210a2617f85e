/*
 * victim: one file mapped by several processes, each with another protection
 * category: memory
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "family.h"

static unsigned char *page;

static void check_reader(void)
{
	if (page[1] != 2 || page[8191] != 9)
		snprintf(family->error, sizeof(family->error), "the reader sees %d %d", page[1],
			 page[8191]);
}

static void check_private(void)
{
	if (page[1] != 77 || page[2] != 3)
		snprintf(family->error, sizeof(family->error), "the private one sees %d %d", page[1],
			 page[2]);
}

static void check(void)
{
	victim_check(page[1] == 2);
	victim_check(msync(page, 8192, MS_SYNC) == 0);
}

int main(void)
{
	int fd = open("data", O_RDWR | O_CREAT, 0600);

	family_start();
	victim_check(!ftruncate(fd, 8192));
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	page[1] = 2;
	page[2] = 3;
	page[8191] = 9;
	if (!fork()) {
		munmap(page, 8192);
		page = mmap(NULL, 8192, PROT_READ, MAP_SHARED, open("data", O_RDONLY), 0);
		family_live(check_reader);
	}
	if (!fork()) {
		munmap(page, 8192);
		page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			    open("data", O_RDONLY), 0);
		page[1] = 77;
		family_live(check_private);
	}
	if (!fork()) {
		victim_check(!mprotect(page, 4096, PROT_NONE));
		family_live(NULL);
	}
	close(fd);
	family_await(3);
	return family_run(check);
}
