/*
 * victim: System V segments that nobody has attached
 * category: ipc
 */
#include <sys/ipc.h>
#include <sys/shm.h>

#include "victim.h"

#define BYTES (5 * 4096 + 100)

static int never, detached;

static void check(void)
{
	struct shmid_ds status;
	unsigned char *data;

	victim_check(!shmctl(never, IPC_STAT, &status));
	victim_check(status.shm_segsz == BYTES && (status.shm_perm.mode & 0777) == 0640);
	victim_check(status.shm_nattch == 0);
	victim_check(!shmctl(detached, IPC_STAT, &status) && status.shm_nattch == 0);
	data = shmat(detached, NULL, 0);
	victim_check(data != (void *)-1);
	for (int n = 0; n < BYTES; n += 13)
		victim_check(data[n] == (unsigned char)(n / 13));
	victim_check(!shmdt(data));
}

int main(void)
{
	unsigned char *data;
	int result;

	never = shmget(IPC_PRIVATE, BYTES, 0640);
	detached = shmget(IPC_PRIVATE, BYTES, 0600);
	victim_check(never >= 0 && detached >= 0);
	data = shmat(detached, NULL, 0);
	for (int n = 0; n < BYTES; n += 13)
		data[n] = n / 13;
	victim_check(!shmdt(data));
	result = victim_run(check);
	victim_check(!shmctl(never, IPC_RMID, NULL) && !shmctl(detached, IPC_RMID, NULL));
	return result;
}
