/*
 * victim: inotify: a deep tree watched as a whole, and a directory of the system
 * category: descriptors
 */
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "victim.h"

#define LEVELS 9
#define WIDTH 12
#define TRIES 50
#define SYSTEM "/usr/share/doc/libc6" /* more than two levels below /usr */

static int fd, watches[LEVELS][WIDTH], system_watch;
static char level[LEVELS][128];

/* What has not been read at a checkpoint is lost, and may be told as such. */
static bool comes(int watch, uint32_t mask)
{
	char data[4096] __attribute__((aligned(8)));
	ssize_t n = read(fd, data, sizeof(data));
	bool found = false;

	for (char *p = data; n > 0 && p < data + n;) {
		struct inotify_event *e = (struct inotify_event *)p;

		found |= e->wd == watch && e->mask & mask;
		p += sizeof(*e) + e->len;
	}
	return found;
}

/* No file is open at a checkpoint, so none must be there at a restart. */
static void make(const char *directory)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/new", directory);
	victim_check(!mkdir(path, 0700) || errno == EEXIST);
	victim_check(!rmdir(path) || errno == ENOENT);
}

static void check(void)
{
	char path[160];
	int tries;

	for (int l = 0; l < LEVELS; l++)
		for (int n = 0; n < WIDTH; n++) {
			snprintf(path, sizeof(path), "%.120s/%d", level[l], n);
			tries = 0;
			do {
				victim_check(tries++ < TRIES);
				make(path);
			} while (!comes(watches[l][n], IN_CREATE));
		}
	tries = 0;
	do {
		victim_check(tries++ < TRIES);
		close(open(SYSTEM, O_RDONLY | O_DIRECTORY));
	} while (!comes(system_watch, IN_OPEN));
}

int main(void)
{
	char path[160];

	fd = inotify_init1(IN_NONBLOCK);
	for (int l = 0; l < LEVELS; l++) {
		if (l)
			snprintf(path, sizeof(path), "%.120s/below", level[l - 1]);
		else
			snprintf(path, sizeof(path), "tree");
		victim_check(!mkdir(path, 0700));
		snprintf(level[l], sizeof(level[l]), "%.100s", path);
		for (int n = 0; n < WIDTH; n++) {
			snprintf(path, sizeof(path), "%.120s/%d", level[l], n);
			victim_check(!mkdir(path, 0700));
			watches[l][n] = inotify_add_watch(fd, path, IN_CREATE);
			victim_check(watches[l][n] > 0);
		}
	}
	system_watch = inotify_add_watch(fd, SYSTEM, IN_OPEN);
	victim_check(system_watch > 0);
	return victim_run(check);
}
