/*
 * victim: descriptors on /proc of a child, of a task, and on namespaces
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "family.h"

static int status_of_child, task_directory, namespace, own_fds;
static ino_t namespace_inode;

static void check(void)
{
	char text[512] = "", wanted[32];
	struct stat status;

	victim_check(pread(status_of_child, text, sizeof(text) - 1, 0) > 0);
	snprintf(wanted, sizeof(wanted), "%d (", family->members[0].pid);
	victim_check(!strncmp(text, wanted, strlen(wanted)));
	snprintf(wanted, sizeof(wanted), "%ld/comm", syscall(SYS_gettid));
	victim_check(faccessat(task_directory, wanted, R_OK, 0) == 0);
	snprintf(wanted, sizeof(wanted), "%d", own_fds);
	victim_check(faccessat(own_fds, wanted, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	victim_check(!fstat(namespace, &status) && status.st_ino);
	/* Still the namespace that we are in. */
	victim_check(!stat("/proc/self/ns/uts", &status));
	victim_check(!fstat(namespace, &status));
	namespace_inode = status.st_ino;
	victim_check(!stat("/proc/self/ns/uts", &status) && status.st_ino == namespace_inode);
}

int main(void)
{
	char path[64];

	family_start();
	if (!fork())
		family_live(NULL);
	family_await(1);
	snprintf(path, sizeof(path), "/proc/%d/stat", family->members[0].pid);
	status_of_child = open(path, O_RDONLY);
	task_directory = open("/proc/self/task", O_RDONLY | O_DIRECTORY);
	own_fds = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	namespace = open("/proc/self/ns/uts", O_RDONLY);
	victim_check(status_of_child >= 0 && task_directory >= 0 && own_fds >= 0 && namespace >= 0);
	return family_run(check);
}
