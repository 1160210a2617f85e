/*
 * A program without standard files that checkpoints itself 20 times in a row, `often IMAGE LOG`, in all
 * compressions; in a child, too, which has to begin anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mtcp.h"

#define LOG 50
#define TIMES 20

static void must(int fine, const char *what)
{
	if (fine)
		return;
	dprintf(LOG, "bad: %s: %s\n", what, mtcp_error());
	exit(1);
}

static void check_child(const char *image)
{
	char path[4096];
	int status = -1;
	pid_t child = fork();

	if (!child) {
		snprintf(path, sizeof(path), "%s.child", image);
		must(mtcp_checkpoint() == -EINVAL, "a child that has not begun");
		must(!mtcp_init(path, 0) && mtcp_checkpoint() == MTCP_AFTER_CHECKPOINT, "a child");
		_exit(7);
	}
	must(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7, "the child");
}

int main(int argc, char **argv)
{
	static const char *const compressions[] = { "zstd", "lz4", "gzip", "none" };
	int last = 0, ret = 0, log;

	if (argc < 3)
		return 2;
	log = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (log < 0 || dup2(log, LOG) != LOG)
		return 2;
	close(log);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	must(mtcp_checkpoint() == -EINVAL, "nothing was prepared");
	must(!mtcp_init(argv[1], 0), "mtcp_init");
	must(mtcp_set_compression("shrink") == -EINVAL, "no such compression");
	must(!mtcp_set_interval(1000) && !mtcp_set_interval(0), "mtcp_set_interval");
	for (int i = 1; i <= TIMES; i++) {
		must(!mtcp_set_compression(compressions[i % 4]), "mtcp_set_compression");
		ret = mtcp_checkpoint();
		must(ret > 0 && i == ++last, "mtcp_checkpoint");
		for (int fd = 0; fd < 3; fd++)
			must(fcntl(fd, F_GETFD) == -1 && errno == EBADF, "a standard file");
		dprintf(LOG, "%s %d\n", ret == MTCP_AFTER_RESTART ? "restarted" : "checkpoint", i);
	}
	if (ret == MTCP_AFTER_CHECKPOINT)
		check_child(argv[1]);
	must(!mtcp_finish(), "mtcp_finish");
	dprintf(LOG, "ok\n");
	return 0;
}
