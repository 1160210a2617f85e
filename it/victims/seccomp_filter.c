/*
 * victim: seccomp filters, of all threads and of one
 * category: process
 * needs: root
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "victim.h"

static pthread_barrier_t asked, answered;

/* System call @number fails with @error. */
static void forbid(int number, int error, unsigned int flags)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, filter };

	victim_check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0);
}

static void *live(void *unused)
{
	forbid(SYS_rmdir, EXFULL, 0);
	for (;;) {
		pthread_barrier_wait(&asked);
		victim_check(rmdir("nothing") == -1 && errno == EXFULL);
		victim_check(mkdir("new", 0700) == -1 && errno == ENOTTY);
		pthread_barrier_wait(&answered);
	}
	return unused;
}

static void check(void)
{
	victim_check(rmdir("nothing") == -1 && errno == ENOENT);
	victim_check(mkdir("new", 0700) == -1 && errno == ENOTTY);
	pthread_barrier_wait(&asked);
	pthread_barrier_wait(&answered);
}

int main(void)
{
	pthread_t thread;

	pthread_barrier_init(&asked, NULL, 2);
	pthread_barrier_init(&answered, NULL, 2);
	victim_check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	forbid(SYS_sigaltstack, EPERM, 0);
	forbid(SYS_mkdir, ENOTTY, 0);
	victim_check(pthread_create(&thread, NULL, live, NULL) == 0);
	return victim_run(check);
}
