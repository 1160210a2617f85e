/*
 * A program for path virtualisation: it names its files below the directory that is its argument, as
 * far as it can see, and holds one of them open.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *directory;

static void must(int fine, const char *what)
{
	if (fine)
		return;
	printf("wrong: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	exit(1);
}

static char *below(const char *name, char *path)
{
	snprintf(path, PATH_MAX, "%s/%s", directory, name);
	return path;
}

static void first_line(int fd, char *text, size_t bytes)
{
	ssize_t n = pread(fd, text, bytes - 1, 0);

	must(n >= 0, "pread");
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
}

static void use_names(void)
{
	char path[PATH_MAX], other[PATH_MAX], answer[PATH_MAX];
	struct stat status;
	FILE *file;
	ssize_t n;
	int fd;

	must(getcwd(answer, sizeof(answer)) && !strcmp(answer, directory), "getcwd");
	must(realpath(below("data", path), answer) && !strcmp(answer, path), "realpath");
	file = fopen(below("made", path), "w");
	must(file && fprintf(file, "text\n") == 5 && !fclose(file), "fopen");
	must(!stat(path, &status) && status.st_size == 5, "stat");
	must(!rename(path, below("renamed", other)), "rename");
	must(access(path, F_OK) && errno == ENOENT && !access(other, R_OK), "access");
	must(!symlink(other, below("link", path)), "symlink");
	n = readlink(path, answer, sizeof(answer) - 1);
	must(n == (ssize_t)strlen(other) && !memcmp(answer, other, n), "readlink");
	must(!unlink(path) && !unlink(other), "unlink");
	fd = mkstemp(below("XXXXXX", path));
	must(fd >= 0 && !lstat(path, &status) && !close(fd) && !unlink(path), "mkstemp");
	must(!mkdir(below("sub", path), 0700) && !chdir(path) && getcwd(answer, sizeof(answer)) &&
	     !strcmp(answer, path) && !chdir("..") && !rmdir(path), "mkdir");
}

int main(int argc, char **argv)
{
	char path[PATH_MAX], held[64], named[64];
	int fd, again;

	if (argc < 2)
		return 2;
	directory = argv[1];
	must(!chdir(directory), "chdir");
	fd = open(below("data", path), O_RDONLY);
	must(fd >= 0, "open");
	for (int i = 1;; i++) {
		use_names();
		again = open(below("data", path), O_RDONLY);
		must(again >= 0, "open again");
		first_line(fd, held, sizeof(held));
		first_line(again, named, sizeof(named));
		close(again);
		printf("held %s, named %s\ntick %d\n", held, named, i);
		fflush(stdout);
		usleep(200000);
	}
}
