/*
 * victim: inotify: watch numbers with a gap, masks, a file and a directory
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "victim.h"

static int fd, directory, file;

static void expect(int watch, uint32_t mask, const char *name)
{
	char data[4096] __attribute__((aligned(8)));
	ssize_t n = read(fd, data, sizeof(data));

	for (char *p = data; n > 0 && p < data + n;) {
		struct inotify_event *e = (struct inotify_event *)p;

		if (e->wd == watch && e->mask & mask && (!name || !strcmp(e->name, name)))
			return;
		p += sizeof(*e) + e->len;
	}
	victim_bad("no event %x of watch %d", mask, watch);
}

static void check(void)
{
	char data[16];
	int other;

	victim_check(read(fd, data, sizeof(data)) < 0 && errno == EAGAIN);
	close(open("watched/new", O_CREAT | O_WRONLY, 0600));
	expect(directory, IN_CREATE, "new");
	victim_check(!unlink("watched/new"));
	while (read(fd, data, sizeof(data)) > 0 || errno == EINVAL) {
		char events[4096];

		if (read(fd, events, sizeof(events)) <= 0)
			break;
	}
	other = open("file", O_WRONLY);
	victim_check(other >= 0 && write(other, "x", 1) == 1);
	close(other);
	expect(file, IN_MODIFY, NULL);
}

int main(void)
{
	int unused;

	victim_check(!mkdir("watched", 0700));
	close(open("file", O_CREAT | O_WRONLY, 0600));
	fd = inotify_init1(IN_NONBLOCK);
	unused = inotify_add_watch(fd, ".", IN_DELETE_SELF);
	victim_check(!inotify_rm_watch(fd, unused));
	directory = inotify_add_watch(fd, "watched", IN_CREATE);
	file = inotify_add_watch(fd, "file", IN_MODIFY);
	victim_check(directory > unused && file > directory);
	{
		char events[256];

		victim_check(read(fd, events, sizeof(events)) > 0); /* of the watch taken away */
	}
	return victim_run(check);
}
