/*
 * victim: files with strange names, in a renamed directory, with a second name, through a link
 * category: descriptors
 * scenarios: cycles twice
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "victim.h"

static int fds[16], count;
static char texts[16][300];

static void add(const char *name, const char *link_name, int gone)
{
	int fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);

	victim_check(fd >= 0);
	snprintf(texts[count], sizeof(texts[count]), "content of %s", name);
	victim_check(write(fd, texts[count], 300) == 300);
	if (link_name)
		victim_check(!link(name, link_name));
	if (gone)
		victim_check(!unlink(name));
	fds[count++] = fd;
}

static void check(void)
{
	char text[300];

	for (int i = 0; i < count; i++) {
		victim_check(pread(fds[i], text, 300, 0) == 300);
		if (memcmp(text, texts[i], 300))
			victim_bad("file %d: %s", i, text);
		victim_check(lseek(fds[i], 0, SEEK_CUR) == 300);
	}
}

int main(void)
{
	char name[256];
	int fd;

	memset(name, 'n', 255);
	name[255] = '\0';
	add(name, NULL, 0);
	add("line\nend\ttab\\backslash \"quote\"", NULL, 0);
	add("looks (deleted)", NULL, 0);
	add("looks too (deleted)", NULL, 1);
	add("has two names", "the other name", 1);
	add("\xff\xfe not utf-8 \x80", NULL, 0);
	victim_check(!mkdir("directory", 0700));
	add("directory/in it", NULL, 0);
	victim_check(!rename("directory", "other directory"));
	victim_check(!mkdir("lost", 0700));
	add("lost/file", NULL, 1);
	victim_check(!rmdir("lost"));
	victim_check(!symlink("the other name", "symbolic"));
	fd = open("symbolic", O_RDWR);
	snprintf(texts[count], sizeof(texts[count]), "content of has two names");
	lseek(fd, 300, SEEK_SET);
	fds[count++] = fd;
	return victim_run(check);
}
