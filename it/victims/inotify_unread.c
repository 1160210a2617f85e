/*
 * victim: inotify events that have not been read yet
 * category: descriptors
 * remark: after a restart they are told as IN_Q_OVERFLOW: some have been lost, look again
 */
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "victim.h"

static int fd, directory;

static void check(void)
{
	int waiting;

	victim_check(!ioctl(fd, FIONREAD, &waiting) && waiting > 0);
}

/* Reads one event; the name only if it has one. */
static void next(struct inotify_event *e, char *name, size_t bytes)
{
	static char left[4096] __attribute__((aligned(8)));
	static ssize_t at, end;

	if (at == end) {
		end = read(fd, left, sizeof(left));
		at = 0;
		victim_check(end > 0);
	}
	memcpy(e, left + at, sizeof(*e));
	snprintf(name, bytes, "%s", e->len ? left + at + sizeof(*e) : "");
	at += sizeof(*e) + e->len;
}

int main(void)
{
	struct inotify_event e;
	char name[64];
	int result;

	victim_check(!mkdir("watched", 0700));
	fd = inotify_init1(IN_NONBLOCK);
	directory = inotify_add_watch(fd, "watched", IN_CREATE);
	close(open("watched/first", O_CREAT | O_WRONLY, 0600));
	close(open("watched/second", O_CREAT | O_WRONLY, 0600));
	result = victim_run(check);
	next(&e, name, sizeof(name));
	if (e.mask & IN_Q_OVERFLOW) {
		victim_check(e.wd == -1);
	} else {
		victim_check(e.mask == IN_CREATE && !strcmp(name, "first"));
		next(&e, name, sizeof(name));
		victim_check(e.mask == IN_CREATE && !strcmp(name, "second"));
	}
	victim_check(read(fd, name, sizeof(name)) < 0 && errno == EAGAIN);
	close(open("watched/third", O_CREAT | O_WRONLY, 0600));
	next(&e, name, sizeof(name));
	victim_check(e.mask == IN_CREATE && e.wd == directory && !strcmp(name, "third"));
	return result;
}
