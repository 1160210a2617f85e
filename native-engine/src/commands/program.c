/* The program that dmtcp_launch is to become. */
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHEBANG_BYTES 256 /* BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* 0, or why the file cannot be executed. */
static int executable(const char *path)
{
	struct stat found;

	if (stat(path, &found))
		return -errno;
	if (S_ISDIR(found.st_mode))
		return -EISDIR;
	if (!S_ISREG(found.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) ? -errno : 0;
}

/* The search of execvp(3): a file that may not be executed is passed over, but remembered. */
static int search(const char *name, char *path, size_t bytes)
{
	const char *directories = getenv("PATH");
	int denied = 0;

	if (strchr(name, '/')) {
		int length = snprintf(path, bytes, "%s", name);

		return length < 0 || (size_t)length >= bytes ? -ENAMETOOLONG : executable(path);
	}
	if (!directories)
		directories = "/bin:/usr/bin"; /* confstr(3) _CS_PATH of glibc */
	for (;;) {
		int n = (int)strcspn(directories, ":"), ret;

		if (snprintf(path, bytes, "%.*s/%s", n ? n : 1, n ? directories : ".", name) <
		    (int)bytes) {
			ret = executable(path);
			if (ret == 0)
				return 0;
			if (ret == -EACCES && access(path, F_OK) == 0)
				denied = ret; /* and not only its directory is closed to us */
		}
		if (!directories[n])
			return denied ? denied : -ENOENT;
		directories += n + 1;
	}
}

/* The interpreter in the first line of a script. */
static bool interpreter(const char *path, char *out, size_t bytes)
{
	char line[SHEBANG_BYTES + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, SHEBANG_BYTES);
	char *start;

	if (fd >= 0)
		close(fd);
	if (n < 3 || line[0] != '#' || line[1] != '!')
		return false;
	line[n] = '\0';
	start = line + 2 + strspn(line + 2, " \t");
	start[strcspn(start, " \t\n")] = '\0';
	snprintf(out, bytes, "%s", start);
	return *start != '\0';
}

static bool must_stay_outside(const char *path)
{
	static const char *const names[] = {
		"dmtcp_coordinator", "dmtcp_launch", "dmtcp_restart", "mtcp_restart",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(base_name(path), names[i]) == 0)
			return true;
	return false;
}

int program_find(const char *name, char *path, size_t bytes, struct fault *fault)
{
	char other[SHEBANG_BYTES + 1];
	int ret = *name ? search(name, path, bytes) : -ENOENT;

	if (ret == -ENOENT || ret == -ENOTDIR)
		return fault_set(fault, -ret, "program-missing", "%s: not found", name);
	if (ret < 0)
		return fault_set(fault, -ret, "program-not-executable", "%s cannot be executed: %s",
				 name, strerror(-ret));
	if (must_stay_outside(path))
		return fault_set(fault, EPERM, "inside-computation",
				 "%s cannot run under checkpoint control", base_name(path));
	if (interpreter(path, other, sizeof(other))) {
		ret = executable(other);
		if (ret < 0)
			return fault_set(fault, -ret, "program-not-executable",
					 "%s cannot be executed: its interpreter %s: %s", name, other,
					 strerror(-ret));
	}
	return 0;
}

void program_name(const char *path, char *out, size_t bytes)
{
	char other[SHEBANG_BYTES + 1], real[PATH_MAX];
	const char *file = interpreter(path, other, sizeof(other)) ? other : path;

	snprintf(out, bytes, "%s", base_name(realpath(file, real) ? real : file));
}

/* A program that needs no loader names none: elf(5), PT_INTERP. */
static bool names_loader(int fd)
{
	Elf64_Ehdr header;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64)
		return true; /* who knows */
	for (size_t i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;

		if (pread(fd, &segment, sizeof(segment), header.e_phoff + i * sizeof(segment)) !=
			    sizeof(segment) || segment.p_type == PT_INTERP)
			return true;
	}
	return false;
}

bool program_is_static(const char *path)
{
	char other[SHEBANG_BYTES + 1];
	int fd = open(interpreter(path, other, sizeof(other)) ? other : path, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && !names_loader(fd);

	if (fd >= 0)
		close(fd);
	return is;
}
