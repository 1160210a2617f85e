/*
 * victim: System V segments: twice, read-only, in part, marked for removal, shared with a child
 * category: memory
 */
#include <sys/prctl.h>
#include <sys/shm.h>

#include "mapping.h"

#define PAGES 16

static int id, doomed_id;
static char *first, *second, *reading, *part, *doomed;
static pid_t child;

static void check(void)
{
	static uint64_t round;
	struct shmid_ds status;
	struct mapping_shown m;

	round++;
	mapping_fill(first, 3, round);
	victim_check(mapping_holds(second, 3, round) && mapping_holds(reading, 3, round));
	mapping_fill(part + 2 * PAGE - 9 * PAGE, 9, round);
	victim_check(mapping_holds(first, 9, round));
	for (size_t i = 0; i < PAGES; i++)
		if (i != 3 && i != 9 && i != 12)
			victim_check(i % 2 ? mapping_holds(first, i, 1) :
					     mapping_is_zero(first, i));
	victim_check(shmctl(id, IPC_STAT, &status) == 0);
	victim_check(status.shm_segsz == PAGES * PAGE - 100);
	victim_check((status.shm_perm.mode & 0777) == 0640);
	victim_check(status.shm_nattch == 8); /* four here, four in the child */
	victim_check(shmget(status.shm_perm.__key, 0, 0) == id);
	victim_check(mapping_show(reading, &m) && !strcmp(m.permissions, "r--s"));
	victim_check(mprotect(reading, PAGE, PROT_READ | PROT_WRITE) < 0);
	victim_check(mapping_holds(doomed, 1, 5));
	victim_check(shmctl(doomed_id, IPC_STAT, &status) == 0 && status.shm_perm.mode & SHM_DEST);
	/* the child adds one to a word */
	for (int i = 0, before = *(volatile int *)(first + 12 * PAGE); i < 2500; i++) {
		if (*(volatile int *)(first + 12 * PAGE) != before)
			return;
		usleep(2000);
	}
	victim_bad("the child does not share it any more");
}

int main(void)
{
	key_t key = 0x5e000000 | (getpid() & 0xffffff);

	id = shmget(key, PAGES * PAGE - 100, IPC_CREAT | IPC_EXCL | 0640);
	victim_check(id >= 0);
	first = shmat(id, NULL, 0);
	second = shmat(id, (void *)0x20000000, 0);
	reading = shmat(id, NULL, SHM_RDONLY);
	part = shmat(id, (void *)0x30000000, 0);
	victim_check(first != (void *)-1 && second == (void *)0x20000000 && reading != (void *)-1 &&
		     part == (void *)0x30000000);
	/* pages 7 to 9 are left of it */
	victim_check(munmap(part, 7 * PAGE) == 0 && munmap(part + 10 * PAGE, 6 * PAGE) == 0);
	part += 7 * PAGE;
	doomed_id = shmget(IPC_PRIVATE, 4 * PAGE, 0600);
	doomed = shmat(doomed_id, NULL, 0);
	victim_check(doomed != (void *)-1 && shmctl(doomed_id, IPC_RMID, NULL) == 0);
	mapping_fill(doomed, 1, 5);
	for (size_t i = 1; i < PAGES; i += 2)
		mapping_fill(first, i, 1);
	child = fork();
	victim_check(child >= 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			++*(volatile int *)(second + 12 * PAGE);
			usleep(1000);
		}
	}
	victim_run(check);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
	return 0;
}
