/* The program of choices.c: it holds memory that need not be saved, and files that must. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES (16 << 20)

static char *map_at(unsigned long address)
{
	char *at = mmap((void *)address, PAGES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (at == MAP_FAILED)
		exit(2);
	memset(at, 7, PAGES);
	return at;
}

/* Without touching it: what is not there answers ENOMEM. */
static const char *state_of(char *at)
{
	unsigned char in_core;

	return mincore(at, 4096, &in_core) ? errno == ENOMEM ? "gone" : "wrong" :
	       at[0] == 7 && at[4095] == 7 ? "kept" : "changed";
}

static void print_file(const char *name, int fd)
{
	char text[64] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		strcpy(text, "unreadable");
	printf(" %s=%.*s", name, (int)strcspn(text, "\n"), text);
}

int main(void)
{
	char *cache = map_at(0x200000000000), *part = map_at(0x210000000000);
	int keep = open("data.keep", O_RDWR), old = open("data.old", O_RDWR);

	if (keep < 0 || old < 0)
		return 2;
	for (int i = 1;; i++) {
		printf("cache %s first %s rest %s", state_of(cache), state_of(part),
		       state_of(part + 4096));
		print_file("keep", keep);
		print_file("old", old);
		printf("\ntick %d\n", i);
		fflush(stdout);
		usleep(200000);
	}
}
