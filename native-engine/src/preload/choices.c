#include "choices.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "area.h"
#include "contain.h"
#include "dmtcp.h"
#include "link.h"
#include "plugins.h"
#include "procmapsarea.h"

bool choices_defined(void)
{
	return dmtcp_skip_memory_region_ckpting || dmtcp_must_ckpt_file ||
	       dmtcp_must_overwrite_file || dmtcp_get_new_file_path;
}

/* ---- memory ---- */

static void skip(uint64_t start, uint64_t end)
{
	struct plugin_choices *c = &plugin_area.choices;

	if (start >= end)
		return;
	if (c->skip_count && c->skips[c->skip_count - 1].end == start) {
		c->skips[c->skip_count - 1].end = end;
		return;
	}
	if (c->skip_count == PLUGIN_SKIPS)
		contain_leave("it leaves out more than 256 regions of memory");
	c->skips[c->skip_count].start = start;
	c->skips[c->skip_count++].end = end;
}

/* Without it the program, or this library in it, could not even begin after a restart. */
static bool is_vital(const ProcMapsArea *a)
{
	const void *vital[] = { &plugin_area, (void *)skip, __builtin_frame_address(0) };

	for (size_t i = 0; i < sizeof(vital) / sizeof(vital[0]); i++)
		if ((VA)vital[i] >= a->addr && (VA)vital[i] < a->endAddr)
			return true;
	return a->name[0] == '[' && a->name[1] == 'v';
}

/* "start-end rwxp offset major:minor inode   path" */
static bool parse(char *line, ProcMapsArea *a)
{
	char *at = line;

	memset(a, 0, sizeof(*a));
	a->addr = (VA)strtoull(at, &at, 16);
	if (*at++ != '-')
		return false;
	a->endAddr = (VA)strtoull(at, &at, 16);
	if (strlen(at) < 6)
		return false;
	a->size = a->endAddr - a->addr;
	a->prot = (at[1] == 'r' ? PROT_READ : 0) | (at[2] == 'w' ? PROT_WRITE : 0) |
		  (at[3] == 'x' ? PROT_EXEC : 0);
	a->flags = at[4] == 's' ? MAP_SHARED : MAP_PRIVATE;
	a->offset = strtoull(at + 6, &at, 16);
	a->devmajor = strtoul(at, &at, 16);
	at += *at == ':';
	a->devminor = strtoul(at, &at, 16);
	a->inodenum = strtoull(at, &at, 10);
	at += strspn(at, " ");
	if (*at != '/')
		a->flags |= MAP_ANONYMOUS;
	snprintf(a->name, sizeof(a->name), "%s", at);
	return true;
}

static void ask_region(char *line)
{
	ProcMapsArea whole, kept;

	if (!parse(line, &whole) || is_vital(&whole))
		return;
	kept = whole;
	if (dmtcp_skip_memory_region_ckpting(&kept)) {
		skip((uintptr_t)whole.addr, (uintptr_t)whole.endAddr);
		return;
	}
	if (kept.size != whole.size && kept.endAddr == whole.endAddr && kept.addr == whole.addr)
		kept.endAddr = kept.addr + kept.size;
	if (kept.addr < whole.addr || kept.endAddr > whole.endAddr || kept.addr > kept.endAddr)
		return; /* that is no part of it */
	skip((uintptr_t)whole.addr, (uintptr_t)kept.addr);
	skip((uintptr_t)kept.endAddr, (uintptr_t)whole.endAddr);
}

/* Not with stdio: a thread that stands still may be in it. */
static void ask_for_memory(void *unused)
{
	static char text[64 << 10];
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t held = 0;
	ssize_t got;

	(void)unused;
	if (fd < 0)
		contain_leave("/proc/self/maps cannot be read");
	while ((got = read(fd, text + held, sizeof(text) - 1 - held)) > 0) {
		char *line = text, *end;

		held += got;
		text[held] = 0;
		while ((end = strchr(line, '\n'))) {
			*end = 0;
			ask_region(line);
			line = end + 1;
		}
		held -= line - text;
		memmove(text, line, held);
	}
	close(fd);
}

/* ---- files ---- */

/* Calls @ask for every open regular file that has a name. */
static void walk_files(void (*ask)(int fd, const char *path, const struct stat *status))
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;

	if (!directory)
		contain_leave("/proc/self/fd cannot be read");
	while ((entry = readdir(directory))) {
		char path[PATH_MAX];
		int fd = atoi(entry->d_name);
		struct stat status;
		ssize_t n;

		if (entry->d_name[0] == '.' || fd == dirfd(directory) || link_is_ours(fd) ||
		    fstat(fd, &status) || !S_ISREG(status.st_mode))
			continue;
		n = readlinkat(dirfd(directory), entry->d_name, path, sizeof(path) - 1);
		if (n <= 0 || path[0] != '/')
			continue;
		path[n] = 0;
		ask(fd, path, &status);
	}
	closedir(directory);
}

static void ask_file(int fd, const char *path, const struct stat *status)
{
	struct plugin_choices *c = &plugin_area.choices;
	uint32_t choice = 0;

	(void)fd;
	if (dmtcp_must_ckpt_file && dmtcp_must_ckpt_file(path))
		choice |= PLUGIN_FILE_SAVE;
	if (dmtcp_must_overwrite_file && dmtcp_must_overwrite_file(path))
		choice |= PLUGIN_FILE_OVERWRITE;
	if (!choice)
		return;
	for (uint32_t i = 0; i < c->file_count; i++) {
		if (c->files[i].device == status->st_dev && c->files[i].inode == status->st_ino) {
			c->files[i].choice |= choice;
			return;
		}
	}
	if (c->file_count == PLUGIN_FILES)
		contain_leave("it chooses more than 256 files");
	c->files[c->file_count].device = status->st_dev;
	c->files[c->file_count].inode = status->st_ino;
	c->files[c->file_count++].choice = choice;
}

static void ask_for_files(void *unused)
{
	(void)unused;
	walk_files(ask_file);
}

bool choices_ask(unsigned int limit_ms, char *failure, size_t bytes)
{
	char why[128];

	plugin_area.choices.skip_count = plugin_area.choices.file_count = 0;
	if ((dmtcp_must_ckpt_file || dmtcp_must_overwrite_file) &&
	    !contain_call(ask_for_files, NULL, limit_ms, why, sizeof(why))) {
		snprintf(failure, bytes, "hook for open files: %s", why);
		return false;
	}
	if (dmtcp_skip_memory_region_ckpting &&
	    !contain_call(ask_for_memory, NULL, limit_ms, why, sizeof(why))) {
		snprintf(failure, bytes, "hook dmtcp_skip_memory_region_ckpting: %s", why);
		return false;
	}
	return true;
}

/* ---- files at a restart ---- */

/* Position and flags are of the open file, and go on in the one at the new path. */
static void move_file(int fd, const char *path, const struct stat *status)
{
	char now[PATH_MAX] = "", cwd[PATH_MAX] = "";
	int flags = fcntl(fd, F_GETFL), with = fcntl(fd, F_GETFD), moved;

	(void)status;
	if (!getcwd(cwd, sizeof(cwd)))
		cwd[0] = 0;
	dmtcp_get_new_file_path(path, cwd, now);
	if (!now[0] || !strcmp(now, path))
		return;
	moved = open(now, (flags & ~(O_CREAT | O_EXCL | O_TRUNC)) | O_CLOEXEC);
	if (moved < 0)
		contain_leave("a file cannot be opened by its new path");
	if (lseek(moved, lseek(fd, 0, SEEK_CUR), SEEK_SET) < 0 ||
	    dup3(moved, fd, with & FD_CLOEXEC ? O_CLOEXEC : 0) < 0) {
		close(moved);
		contain_leave("a file cannot be put in the place of another one");
	}
	close(moved);
}

static void move_files(void *unused)
{
	(void)unused;
	walk_files(move_file);
}

bool choices_move_files(unsigned int limit_ms, char *failure, size_t bytes)
{
	char why[128];

	if (!dmtcp_get_new_file_path || contain_call(move_files, NULL, limit_ms, why, sizeof(why)))
		return true;
	snprintf(failure, bytes, "hook dmtcp_get_new_file_path: %s", why);
	return false;
}

/* ---- notes ---- */

/* Where the next note would begin; the one with @key is taken out. */
static size_t without(const char *key, char *notes, size_t bytes)
{
	size_t at = 0;

	while (at < bytes) {
		size_t length = strlen(notes + at) + 1, both = length + strlen(notes + at + length) + 1;

		if (strcmp(notes + at, key)) {
			at += both;
			continue;
		}
		memmove(notes + at, notes + at + both, bytes - at - both);
		bytes -= both;
	}
	return bytes;
}

void dmtcp_add_to_ckpt_header(const char *key, const char *value)
{
	struct plugin_choices *c = &plugin_area.choices;
	size_t bytes;

	if (!key || !*key || !value)
		return;
	bytes = without(key, c->notes, c->note_bytes);
	c->note_bytes = bytes;
	if (strlen(key) + strlen(value) + 2 > PLUGIN_NOTE_BYTES - bytes) {
		fprintf(stderr, "dmtcp: no room in the image for the note %s\n", key);
		return;
	}
	strcpy(c->notes + bytes, key);
	strcpy(c->notes + bytes + strlen(key) + 1, value);
	c->note_bytes = bytes + strlen(key) + strlen(value) + 2;
}
