#include "pty_names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../resource/records.h"

#define DIRECTORY "/dev/pts"
#define NUMBERS 4096 /* kernel.pty.max, of all terminals of a host */
#define TTY_GROUP "5" /* of devpts in every distribution; a user's namespace does not have it */

static bool next_file(struct image_reader *const *images, size_t count, size_t *image,
		      const struct record **record, uint32_t kind, struct file_view *f)
{
	for (; *image < count; ++*image, *record = NULL)
		while ((*record = record_find(&images[*image]->records, RECORD_FILE, *record))) {
			file_view_read(*record, f);
			if (f->head.kind == kind)
				return true;
		}
	return false;
}

bool pty_number_in_images(struct image_reader *const *images, size_t count, int number)
{
	const struct record *record = NULL;
	struct file_view f;
	size_t image = 0;

	while (next_file(images, count, &image, &record, FILE_PTY_MASTER, &f))
		if (pty_master_number(&f) == number)
			return true;
	return false;
}

static bool any_terminal(const struct rebuild *r)
{
	const struct record *record = NULL;
	struct file_view f;
	size_t image = 0;

	if (next_file(r->images, r->image_count, &image, &record, FILE_PTY_MASTER, &f))
		return true;
	image = 0;
	record = NULL;
	return next_file(r->images, r->image_count, &image, &record, FILE_TERMINAL, &f);
}

int pty_open_master(int number, int flags)
{
	int *extra = calloc(NUMBERS, sizeof(*extra)), count = 0, fd = -1, error = ENOMEM;
	unsigned int found = 0;

	while (extra && count < NUMBERS) {
		fd = open("/dev/ptmx", flags);
		error = errno;
		/* The kernel gives the lowest that is free: above ours, ours is taken. */
		if (fd < 0 || ioctl(fd, TIOCGPTN, &found) || (int)found >= number)
			break;
		extra[count++] = fd;
		fd = -1;
	}
	if (fd < 0 && count)
		fd = extra[--count];
	while (count)
		close(extra[--count]);
	free(extra);
	return fd < 0 ? -error : fd;
}

/* @terminal answers at /dev/pts/@number, which a master of ours keeps there. */
static bool give_name(struct rebuild *r, int terminal, int number)
{
	char from[32], to[48];
	unsigned int found = 0;
	int place;

	if (r->terminal_place_count == TERMINAL_PLACES || number < 0 || number >= NUMBERS ||
	    pty_number_in_images(r->images, r->image_count, number))
		return false;
	snprintf(from, sizeof(from), "/proc/self/fd/%d", terminal);
	snprintf(to, sizeof(to), DIRECTORY "/%d", number);
	place = pty_open_master(number, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (place < 0)
		return false;
	if (ioctl(place, TIOCGPTN, &found) || (int)found != number ||
	    mount(from, to, NULL, MS_BIND, NULL)) {
		close(place); /* two names for one number, or it is not to be: another name does it */
		return false;
	}
	r->terminal_places[r->terminal_place_count++] = fcntl(place, F_DUPFD_CLOEXEC,
							     r->reserved_from);
	close(place);
	return true;
}

static bool mount_devpts(void)
{
	static const char with_group[] = "newinstance,ptmxmode=0666,mode=0620,gid=" TTY_GROUP;
	static const char without[] = "newinstance,ptmxmode=0666,mode=0600";
	unsigned long flags = MS_NOSUID | MS_NOEXEC;

	return !mount("devpts", DIRECTORY, "devpts", flags, with_group) ||
	       !mount("devpts", DIRECTORY, "devpts", flags, without);
}

void pty_names_prepare(struct rebuild *r)
{
	const struct record *record = NULL;
	int terminal = -1, number = -1;
	struct file_view f;
	struct statfs fs;
	size_t image = 0;

	if (!any_terminal(r) || statfs(DIRECTORY, &fs) || fs.f_type != DEVPTS_SUPER_MAGIC)
		return;
	/* By its path: what was opened before is not of this mount namespace, and cannot be bound. */
	if (r->terminal_slave_fd >= 0) {
		terminal = open(r->terminal_path, O_PATH | O_CLOEXEC);
		if (terminal < 0 || sscanf(r->terminal_path, DIRECTORY "/%d", &number) != 1)
			goto out;
	}
	if (!mount_devpts() || terminal < 0)
		goto out;
	while (next_file(r->images, r->image_count, &image, &record, FILE_TERMINAL, &f))
		if (give_name(r, terminal, terminal_number(&f)) && r->terminal_place_count == 1)
			snprintf(r->terminal_path, sizeof(r->terminal_path), DIRECTORY "/%d",
				 terminal_number(&f));
	/* Programs such as ps(1) find a terminal's name by its device number. */
	give_name(r, terminal, number);
out:
	if (terminal >= 0)
		close(terminal);
}
