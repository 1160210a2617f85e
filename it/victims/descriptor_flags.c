/*
 * victim: flags, modes and close-on-exec of one descriptor of every kind
 * category: descriptors
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "victim.h"

#define AT_MOST 64
static struct kept {
	const char *name;
	int fd, flags, descriptor_flags, owner, signal, seals;
	unsigned int mode;
	off_t position, size;
} all[AT_MOST];
static int count;

static struct kept look(const char *name, int fd)
{
	struct kept k = { name, fd, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct stat there;

	k.flags = fcntl(fd, F_GETFL);
	k.descriptor_flags = fcntl(fd, F_GETFD);
	k.owner = fcntl(fd, F_GETOWN);
	k.signal = fcntl(fd, F_GETSIG);
	k.seals = fcntl(fd, F_GET_SEALS);
	k.position = lseek(fd, 0, SEEK_CUR);
	if (!fstat(fd, &there))
		k.mode = there.st_mode, k.size = there.st_size;
	return k;
}

static void check(void)
{
	for (int i = 0; i < count; i++) {
		struct kept now = look(all[i].name, all[i].fd);

		if (memcmp(&now, &all[i], sizeof(now)))
			victim_bad("%s: flags %o %o, owner %d %d, signal %d %d, mode %o %o",
				   now.name, all[i].flags, now.flags, all[i].owner, now.owner,
				   all[i].signal, now.signal, all[i].mode, now.mode);
	}
}

static void keep(const char *name, int fd)
{
	if (fd < 0)
		victim_bad("%s: %s", name, strerror(errno));
	if (count & 1)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	all[count++].fd = fd, all[count - 1].name = name;
}

int main(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	sigset_t set;
	int ends[2];

	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	keep("eventfd", eventfd(1, EFD_NONBLOCK));
	keep("eventfd2", eventfd(1, EFD_SEMAPHORE));
	keep("timerfd", timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	keep("signalfd", signalfd(-1, &set, SFD_NONBLOCK));
	keep("epoll", epoll_create1(0));
	keep("inotify", inotify_init1(IN_NONBLOCK));
	keep("memfd", memfd_create("x", MFD_ALLOW_SEALING));
	keep("pidfd", syscall(SYS_pidfd_open, getpid(), 0));
	keep("null", open("/dev/null", O_RDWR));
	keep("null append", open("/dev/null", O_WRONLY | O_APPEND | O_NONBLOCK));
	keep("zero", open("/dev/zero", O_RDONLY));
	keep("urandom", open("/dev/urandom", O_RDONLY));
	keep("proc", open("/proc/self/status", O_RDONLY));
	keep("proc dir", open("/proc/self", O_RDONLY | O_DIRECTORY));
	keep("proc fd", open("/proc/self/fd", O_RDONLY));
	keep("proc link", open("/proc/self/exe", O_PATH | O_NOFOLLOW));
	keep("sys", open("/sys/kernel/uevent_seqnum", O_RDONLY));
	keep("proc sys", open("/proc/sys/kernel/pid_max", O_RDONLY));
	keep("ns", open("/proc/self/ns/net", O_RDONLY));
	keep("directory", open(".", O_RDONLY));
	keep("path", open(".", O_PATH));
	keep("executable", open("/proc/self/exe", O_RDONLY));
	for (int i = 0; i < 3; i++) {
		victim_check(!socketpair(AF_UNIX, types[i] | SOCK_NONBLOCK, 0, ends));
		keep("pair", ends[0]), keep("pair", ends[1]);
	}
	keep("unix", socket(AF_UNIX, SOCK_DGRAM, 0));
	keep("tcp", socket(AF_INET, SOCK_STREAM, 0));
	keep("tcp6", socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0));
	keep("udp", socket(AF_INET, SOCK_DGRAM, 0));
	keep("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
	victim_check(!pipe2(ends, O_NONBLOCK));
	keep("pipe", ends[0]), keep("pipe", ends[1]);
	victim_check(!mkfifo("fifo", 0600));
	keep("fifo", open("fifo", O_RDWR));
	victim_check(!openpty(&ends[0], &ends[1], NULL, NULL, NULL));
	keep("master", ends[0]);
	for (int i = 0; i < count; i++) {
		if (i % 3 == 0)
			fcntl(all[i].fd, F_SETOWN, getpid());
		if (i % 5 == 0)
			fcntl(all[i].fd, F_SETSIG, SIGRTMIN);
		all[i] = look(all[i].name, all[i].fd);
	}
	return victim_run(check);
}
