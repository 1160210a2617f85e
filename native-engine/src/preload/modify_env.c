#include "modify_env.h"

#include <ctype.h>
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

/* The file while it is read. */
struct source {
	const char *at;
	unsigned int line;
	const char *path;
};

/* stdio may be held by a thread that stands still. */
static void complain(const struct source *s, const char *why)
{
	dprintf(STDERR_FILENO, "dmtcp: %s: line %u: %s: left out\n", s->path, s->line, why);
}

struct value {
	char text[MOST_BYTES];
	size_t bytes;
	size_t quoted; /* blanks behind it mean nothing */
};

static void add(struct value *v, char c)
{
	if (v->bytes < sizeof(v->text) - 1)
		v->text[v->bytes++] = c;
}

/* $NAME or ${NAME} of the restart at s->at, behind the $; nothing where it is not set. */
static void add_variable(struct source *s, struct value *v)
{
	bool braces = *s->at == '{';
	const char *start = s->at + braces, *end = start, *found;
	char name[256];

	while (is_name(*end))
		end++;
	if (end == start || end - start >= (ptrdiff_t)sizeof(name) || (braces && *end != '}')) {
		add(v, '$');
		return;
	}
	memcpy(name, start, end - start);
	name[end - start] = 0;
	s->at = end + braces;
	found = restart_environment(name);
	while (found && *found)
		add(v, *found++);
}

/* As in C, behind the backslash; the end of a line: the value goes on in the next one. */
static void add_escaped(struct source *s, struct value *v)
{
	static const char from[] = "nrtabfv", to[] = "\n\r\t\a\b\f\v";
	const char *found = strchr(from, *s->at);
	char *end, number[4] = "";

	s->at += *s->at == '\r' && s->at[1] == '\n';
	if (!*s->at) {
		add(v, '\\');
		return;
	}
	if (*s->at == '\n') {
		s->line++;
	} else if (*s->at >= '0' && *s->at <= '7') {
		strncpy(number, s->at, 3);
		add(v, (char)strtol(number, &end, 8));
		s->at += end - number - 1;
	} else if (*s->at == 'x' && isxdigit((unsigned char)s->at[1])) {
		strncpy(number, s->at + 1, 2);
		add(v, (char)strtol(number, &end, 16));
		s->at += end - number;
	} else {
		add(v, found ? to[found - from] : *s->at);
	}
	s->at++;
}

/* What follows the = up to the end of the line. false: a quote is open there. */
static bool read_value(struct source *s, struct value *v)
{
	bool inside = false;

	v->bytes = v->quoted = 0;
	while (*s->at && (*s->at != '\n')) {
		char c = *s->at++;

		if (c == '$')
			add_variable(s, v);
		else if (c == '\\')
			add_escaped(s, v);
		else if (c == '"')
			inside = !inside;
		else
			add(v, c);
		if (inside || c == '"' || c == '\\')
			v->quoted = v->bytes;
	}
	while (v->bytes > v->quoted && strchr(" \t\r", v->text[v->bytes - 1]))
		v->bytes--;
	v->text[v->bytes] = 0;
	return !inside;
}

static void skip_line(struct source *s)
{
	s->at += strcspn(s->at, "\n");
}

/* One line: NAME=VALUE sets, NAME unsets. */
static void apply(struct source *s, struct value *v)
{
	const char *start = s->at += strspn(s->at, " \t\r"), *behind;
	char name[256];
	size_t bytes = 0;

	while (is_name(s->at[bytes]))
		bytes++;
	behind = start + bytes + strspn(start + bytes, " \t\r");
	if (!*start || *start == '\n' || *start == '#') {
		skip_line(s);
	} else if (!bytes || (*start >= '0' && *start <= '9') || bytes >= sizeof(name) ||
		   (*behind && !strchr("=\n#", *behind))) {
		complain(s, "no name of a variable, or no = behind it");
		skip_line(s);
	} else {
		memcpy(name, start, bytes);
		name[bytes] = 0;
		s->at = behind + (*behind == '=');
		if (*behind != '=') {
			unsetenv(name);
			skip_line(s);
		} else if (read_value(s, v)) {
			setenv(name, v->text, 1);
		} else {
			complain(s, "a quote is not closed");
		}
	}
}

void modify_env(const char *directory)
{
	static char text[MOST_BYTES + 2]; /* one helper thread, and its stack may be small */
	static struct value value;
	const char *name = restart_environment("DMTCP_ENV_FILE");
	char path[8192];
	struct source s = { .at = text, .line = 1, .path = path };
	ssize_t bytes;
	int fd;

	if (!name)
		name = getenv("DMTCP_ENV_FILE");
	snprintf(path, sizeof(path), "%s/%s", directory, name && *name ? name : "dmtcp_env.txt");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bytes = fd < 0 ? -1 : read(fd, text, MOST_BYTES + 1);
	if (fd >= 0)
		close(fd);
	if (bytes > (ssize_t)MOST_BYTES) {
		dprintf(STDERR_FILENO, "dmtcp: %s: more than %u bytes: the environment stays as it "
			"was\n", path, MOST_BYTES);
		return;
	}
	text[bytes > 0 ? bytes : 0] = 0;
	for (;; s.line++) {
		apply(&s, &value);
		if (!*s.at++)
			break;
	}
}
