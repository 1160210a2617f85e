/*
 * victim: mappings past the end of their file, at large offsets, with holes, mapped again
 * category: memory
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "victim.h"

#define PAGE 4096l
static char *past, *far, *holes, *readonly, *low, *empty, *cut, *freed, *same[2];
static sigjmp_buf back;

static void on_fault(int number)
{
	siglongjmp(back, number);
}

static int fault_of(volatile char *p)
{
	int number = sigsetjmp(back, 1);

	if (!number)
		(void)*p;
	return number;
}

static void check(void)
{
	struct stat s;

	victim_check(past[0] == 'p' && fault_of(past + 2 * PAGE) == SIGBUS && past[PAGE - 1] == 0);
	victim_check(far[0] == 'f' && far[PAGE] == 'g');
	victim_check(holes[0] == 1 && holes[3 * PAGE] == 0 && holes[9 * PAGE] == 1);
	victim_check(readonly[0] == 'r' && fault_of(cut) == SIGBUS);
	victim_check((unsigned long)low < 1ul << 32 && low[0] == 'l');
	victim_check(fault_of(empty) == SIGBUS);
	victim_check(same[0][0] == same[1][0]);
	same[0][0]++;
	victim_check(same[0][0] == same[1][0]);
	victim_check(!stat("holes", &s) && s.st_blocks * 512 < 16 * PAGE);
	victim_check(freed[0] == 0 || freed[0] == 'd');
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_fault };
	int fd = open("past", O_CREAT | O_RDWR, 0600);

	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	victim_check(write(fd, "p", 1) == 1);
	past = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fd = open("far", O_CREAT | O_RDWR, 0600);
	victim_check(pwrite(fd, "f", 1, 1l << 33) == 1);
	victim_check(pwrite(fd, "g", 1, (1l << 33) + PAGE) == 1);
	far = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 1l << 33);
	fd = open("holes", O_CREAT | O_RDWR, 0600);
	victim_check(!ftruncate(fd, 16 * PAGE));
	holes = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	memset(holes, 1, 10 * PAGE);
	victim_check(!madvise(holes + PAGE, 8 * PAGE, MADV_REMOVE));
	fd = open("readonly", O_CREAT | O_RDWR, 0600);
	victim_check(write(fd, "r", 1) == 1);
	close(fd);
	fd = open("readonly", O_RDONLY);
	readonly = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	victim_check(!chmod("readonly", 0400));
	fd = open("cut", O_CREAT | O_RDWR, 0600);
	victim_check(!ftruncate(fd, 4 * PAGE));
	cut = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	cut[PAGE] = 'c';
	victim_check(!ftruncate(fd, 0));
	close(fd);
	fd = open("empty", O_CREAT | O_RDWR, 0600);
	empty = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	low = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1,
		   0);
	low[0] = 'l';
	same[0] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	same[1] = mremap(same[0], 0, PAGE, MREMAP_MAYMOVE); /* the same, mapped again */
	freed = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	freed[0] = 'd';
	madvise(freed, PAGE, MADV_FREE);
	victim_check(past != MAP_FAILED && far != MAP_FAILED && empty != MAP_FAILED);
	victim_check(same[1] != MAP_FAILED);
	return victim_run(check);
}
