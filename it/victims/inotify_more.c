/*
 * victim: inotify: spent, added to, on a removed and a renamed file, on a link, many
 * category: descriptors
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "victim.h"

static int fd, many[50], once, added, renamed, link_watch, removed, kept;

static int events(int watch)
{
	char data[8192] __attribute__((aligned(8)));
	ssize_t n = read(fd, data, sizeof(data));
	int mask = 0;

	for (char *p = data; n > 0 && p < data + n;) {
		struct inotify_event *e = (struct inotify_event *)p;

		if (e->wd == watch)
			mask |= e->mask;
		else
			victim_bad("event %x of watch %d instead of %d", e->mask, e->wd, watch);
		p += sizeof(*e) + e->len;
	}
	return mask;
}

static void touch(const char *path)
{
	int other = open(path, O_WRONLY);

	victim_check(other >= 0 && write(other, "x", 1) == 1);
	close(other);
}

static void check(void)
{
	char name[32];

	for (int i = 0; i < 50; i += 7) {
		sprintf(name, "m%d", i);
		touch(name);
		victim_check(events(many[i]) == IN_MODIFY);
	}
	touch("once");
	victim_check(events(-1) == 0);
	touch("added");
	victim_check(events(added) == (IN_MODIFY | IN_CLOSE_WRITE));
	touch("new name");
	victim_check(events(renamed) == IN_MODIFY);
	victim_check(write(kept, "x", 1) == 1);
	victim_check(events(removed) == IN_MODIFY);
}

int main(void)
{
	char name[32], old[4096];

	fd = inotify_init1(IN_NONBLOCK);
	for (int i = 0; i < 50; i++) {
		sprintf(name, "m%d", i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
		many[i] = inotify_add_watch(fd, name, IN_MODIFY);
	}
	close(open("once", O_CREAT | O_WRONLY, 0600));
	close(open("added", O_CREAT | O_WRONLY, 0600));
	close(open("old name", O_CREAT | O_WRONLY, 0600));
	kept = open("removed", O_CREAT | O_WRONLY, 0600);
	victim_check(!symlink("nowhere", "link"));
	once = inotify_add_watch(fd, "once", IN_MODIFY | IN_ONESHOT);
	added = inotify_add_watch(fd, "added", IN_MODIFY);
	victim_check(inotify_add_watch(fd, "added", IN_CLOSE_WRITE | IN_MASK_ADD) == added);
	renamed = inotify_add_watch(fd, "old name", IN_MODIFY);
	removed = inotify_add_watch(fd, "removed", IN_MODIFY);
	link_watch = inotify_add_watch(fd, "link", IN_ATTRIB | IN_DONT_FOLLOW);
	victim_check(!unlink("removed") && !rename("old name", "new name"));
	touch("once");
	while (read(fd, old, sizeof(old)) > 0)
		;
	return victim_run(check);
}
