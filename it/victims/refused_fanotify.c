/*
 * victim: fanotify
 * category: descriptors
 * refused: process \d+: descriptor \d+ \(anon_inode:\[fanotify\]\) cannot be captured: it is a fanotify group
 * needs: root
 */
#include <fcntl.h>
#include <sys/fanotify.h>

#include "victim.h"

static int fd;

static void check(void)
{
	victim_check(fcntl(fd, F_GETFD) >= 0);
}

int main(void)
{
	fd = fanotify_init(FAN_CLASS_NOTIF, O_RDONLY);
	if (fd < 0)
		victim_unavailable("fanotify_init: %s", strerror(errno));
	return victim_run(check);
}
