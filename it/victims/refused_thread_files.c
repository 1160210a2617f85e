/*
 * victim: a thread with descriptors, directory and umask of its own (unshare)
 * category: threads
 * refused: thread \d+ of process \d+ has descriptors of its own
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

#include "victim.h"

static char original[4096], own[4200];
static int shared_number, shared_by_all;
static volatile int round_wanted, round_done, finish;

static void *live_apart(void *unused)
{
	char here[4096];
	int private;

	(void)unused;
	victim_check(!unshare(CLONE_FS | CLONE_FILES));
	victim_check(!chdir("apart"));
	umask(0111);
	private = open("mine", O_RDWR | O_CREAT, 0600);
	victim_check(private >= 0 && write(private, "mine", 4) == 4);
	victim_check(!close(shared_number));
	round_done = 0;
	while (!finish) {
		char data[8] = "";

		if (round_done == round_wanted) {
			usleep(1000);
			continue;
		}
		victim_check(getcwd(here, sizeof(here)) && !strcmp(here, own));
		victim_check(umask(0111) == 0111);
		victim_check(pread(private, data, 4, 0) == 4 && !memcmp(data, "mine", 4));
		victim_check(fcntl(shared_number, F_GETFD) < 0 && errno == EBADF);
		victim_check(fcntl(shared_by_all, F_GETFD) >= 0);
		round_done = round_wanted;
	}
	return NULL;
}

static void check(void)
{
	char here[4096];

	victim_check(getcwd(here, sizeof(here)) && !strcmp(here, original));
	victim_check(umask(0022) == 0022 && fcntl(shared_number, F_GETFD) >= 0);
	round_wanted++;
	for (int n = 0; n < 500 && round_done != round_wanted; n++)
		usleep(10000);
	victim_check(round_done == round_wanted);
}

int main(void)
{
	pthread_t thread;
	int result;

	umask(0022);
	victim_check(getcwd(original, sizeof(original)) && !mkdir("apart", 0700));
	snprintf(own, sizeof(own), "%s/apart", original);
	shared_number = open("/dev/null", O_RDONLY);
	shared_by_all = open("/dev/zero", O_RDONLY);
	round_done = -1;
	victim_check(!pthread_create(&thread, NULL, live_apart, NULL));
	for (int n = 0; n < 500 && round_done; n++)
		usleep(10000);
	result = victim_run(check);
	finish = 1;
	pthread_join(thread, NULL);
	return result;
}
