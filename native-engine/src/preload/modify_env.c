#include "modify_env.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "restart_environment.h"

#define MOST_BYTES (12u << 10) /* as in DMTCP */

bool modify_env_wanted(void)
{
	const char *wanted = getenv("DMTCP_MODIFY_ENV");

	return wanted && !strcmp(wanted, "1");
}

static bool is_name(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* $NAME of the restart at *@p, behind the $; nothing where it is not set. */
static const char *variable(const char **p)
{
	char name[256];
	size_t length = 0;

	while (is_name((*p)[length]) && length < sizeof(name) - 1)
		length++;
	memcpy(name, *p, length);
	name[length] = 0;
	*p += length;
	return restart_environment(name) ? restart_environment(name) : "";
}

static char escaped(char c)
{
	static const char from[] = "nrtabfv", to[] = "\n\r\t\a\b\f\v";
	const char *found = strchr(from, c);

	return found && c ? to[found - from] : c;
}

/* The value that begins at @p, up to the end of the line, into @out; quotes only keep blanks together. */
static void expand(const char *p, char *out, size_t bytes)
{
	size_t n = 0;

	while (*p && n < bytes - 1) {
		if (*p == '$') {
			p++;
			n += snprintf(out + n, bytes - n, "%s", variable(&p));
			n = n < bytes ? n : bytes - 1;
		} else if (*p == '"') {
			p++;
		} else if (*p == '\\' && p[1]) {
			out[n++] = escaped(p[1]);
			p += 2;
		} else {
			out[n++] = *p++;
		}
	}
	out[n] = 0;
}

static void apply(char *line)
{
	char value[MOST_BYTES], *equals;

	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return;
	equals = strchr(line, '=');
	if (!equals) {
		line[strcspn(line, " \t")] = 0;
		unsetenv(line);
		return;
	}
	*equals = 0;
	expand(equals + 1, value, sizeof(value));
	setenv(line, value, 1);
}

void modify_env(const char *directory)
{
	const char *name = restart_environment("DMTCP_ENV_FILE");
	char path[8192], text[MOST_BYTES + 1], *line = text, *rest;
	ssize_t bytes;
	int fd;

	if (!name)
		name = getenv("DMTCP_ENV_FILE");
	snprintf(path, sizeof(path), "%s/%s", directory, name && *name ? name : "dmtcp_env.txt");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	bytes = fd < 0 ? -1 : read(fd, text, MOST_BYTES);
	if (fd >= 0)
		close(fd);
	if (bytes <= 0)
		return;
	text[bytes] = 0;
	while ((line = strtok_r(line, "\n", &rest))) {
		apply(line);
		line = NULL;
	}
}
