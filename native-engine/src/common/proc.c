#include "proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"

static void proc_path(char *path, size_t capacity, pid_t pid, const char *name)
{
	if (pid)
		snprintf(path, capacity, "/proc/%d/%s", pid, name);
	else
		snprintf(path, capacity, "/proc/%s", name);
}

int proc_read_text(pid_t pid, const char *name, char **text, size_t *bytes)
{
	size_t capacity = 4096, used = 0;
	char path[320], *data = NULL;
	int ret, fd;

	*text = NULL;
	proc_path(path, sizeof(path), pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (;;) {
		char *more = realloc(data, capacity + 1);
		ssize_t n;

		if (!more) {
			ret = -ENOMEM;
			goto err_free;
		}
		data = more;
		n = read(fd, data + used, capacity - used);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			ret = -errno;
			goto err_free;
		}
		if (!n)
			break;
		used += n;
		if (used == capacity)
			capacity *= 2;
	}
	close(fd);
	data[used] = 0;
	*text = data;
	if (bytes)
		*bytes = used;
	return 0;

err_free:
	free(data);
	close(fd);
	return ret;
}

ssize_t proc_read_link(pid_t pid, const char *name, char *target, size_t capacity)
{
	char path[320];
	ssize_t n;

	proc_path(path, sizeof(path), pid, name);
	n = readlink(path, target, capacity - 1);
	if (n < 0)
		return -errno;
	target[n] = 0;
	return n;
}

static int parse_stat(char *text, struct proc_stat *out)
{
	uint64_t field[53] = { 0 };
	char *open = strchr(text, '('), *close = strrchr(text, ')'), *at;
	size_t length;

	/* comm may hold blanks and parentheses: the last ')' ends it (proc(5)). */
	if (!open || !close || close[1] != ' ' || !close[2])
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	out->pid = strtol(text, NULL, 10);
	length = close - open - 1;
	if (length >= sizeof(out->comm))
		length = sizeof(out->comm) - 1;
	memcpy(out->comm, open + 1, length);
	out->state = close[2];
	at = close + 3;
	for (int i = 4; i <= 52; i++) {
		char *end;

		field[i] = strtoull(at, &end, 10); /* negative numbers wrap and are cast back */
		if (end == at)
			break;
		at = end;
	}
	out->parent = field[4];
	out->group = field[5];
	out->session = field[6];
	out->terminal = field[7];
	out->terminal_group = field[8];
	out->flags = field[9];
	out->minor_faults = field[10];
	out->major_faults = field[12];
	out->user_ticks = field[14];
	out->system_ticks = field[15];
	out->nice = field[19];
	out->threads = field[20];
	out->start_ticks = field[22];
	out->resident_limit = field[25];
	out->start_code = field[26];
	out->end_code = field[27];
	out->start_stack = field[28];
	out->exit_signal = field[38];
	out->start_data = field[45];
	out->end_data = field[46];
	out->start_brk = field[47];
	out->arg_start = field[48];
	out->arg_end = field[49];
	out->env_start = field[50];
	out->env_end = field[51];
	out->exit_code = field[52];
	return 0;
}

static int stat_at(pid_t pid, const char *name, struct proc_stat *out)
{
	char *text;
	int ret = proc_read_text(pid, name, &text, NULL);

	if (ret < 0)
		return ret == -ENOENT ? -ESRCH : ret;
	ret = parse_stat(text, out);
	free(text);
	return ret;
}

int proc_stat(pid_t pid, struct proc_stat *out)
{
	return stat_at(pid, "stat", out);
}

bool proc_has_ended(const struct proc_stat *s)
{
	return s->state == 'Z' && s->threads <= 1;
}

int proc_stat_of_thread(pid_t pid, pid_t tid, struct proc_stat *out)
{
	char name[48];

	snprintf(name, sizeof(name), "task/%d/stat", tid);
	return stat_at(pid, name, out);
}

const char *proc_field(const char *text, const char *field)
{
	size_t length = strlen(field);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (!strncmp(line, field, length) && line[length] == ':') {
			line += length + 1;
			while (*line == ' ' || *line == '\t')
				line++;
			return line;
		}
	}
	return NULL;
}

uint64_t proc_field_number(const char *text, const char *field, int base, uint64_t missing)
{
	const char *value = proc_field(text, field);

	return value ? strtoull(value, NULL, base) : missing;
}

int pid_list_add(struct pid_list *l, pid_t pid)
{
	pid_t *pids = array_grow(l->pids, l->count, &l->capacity, sizeof(*pids));

	if (!pids)
		return -ENOMEM;
	l->pids = pids;
	l->pids[l->count++] = pid;
	return 0;
}

void pid_list_free(struct pid_list *l)
{
	free(l->pids);
	memset(l, 0, sizeof(*l));
}

static int numbers_of_directory(const char *path, struct pid_list *out)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int ret = 0;

	if (!d)
		return errno == ENOENT ? -ESRCH : -errno;
	while (ret >= 0 && (errno = 0, e = readdir(d)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			ret = pid_list_add(out, strtol(e->d_name, NULL, 10));
	closedir(d);
	return ret;
}

int proc_threads(pid_t pid, struct pid_list *out)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return numbers_of_directory(path, out);
}

int proc_all(struct pid_list *out)
{
	return numbers_of_directory("/proc", out);
}

int proc_children(pid_t pid, struct pid_list *out)
{
	struct pid_list threads = { 0 };
	int ret = proc_threads(pid, &threads);

	for (size_t i = 0; ret >= 0 && i < threads.count; i++) {
		char name[48], *text, *at, *end;

		snprintf(name, sizeof(name), "task/%d/children", threads.pids[i]);
		if (proc_read_text(pid, name, &text, NULL) < 0)
			continue; /* the thread ended meanwhile; its children moved to another one */
		for (at = text; ret >= 0; at = end) {
			long child = strtol(at, &end, 10);

			if (end == at)
				break;
			ret = pid_list_add(out, child);
		}
		free(text);
	}
	pid_list_free(&threads);
	return ret < 0 ? ret : 0;
}

pid_t proc_virtual_pid(pid_t pid, const char *name)
{
	char *text, *end;
	const char *at;
	pid_t innermost = -ESRCH;

	if (proc_read_text(pid, name, &text, NULL) < 0)
		return -ESRCH;
	at = proc_field(text, "NSpid");
	while (at && *at && *at != '\n') {
		long number = strtol(at, &end, 10);

		if (end == at)
			break;
		innermost = number;
		at = end;
	}
	free(text);
	return innermost;
}
