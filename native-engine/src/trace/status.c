#include "status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/proc.h"

static void read_ids(const char *text, uint32_t *real, uint32_t *effective, uint32_t *saved,
		     uint32_t *fs)
{
	sscanf(text, "%u %u %u %u", real, effective, saved, fs);
}

static void read_namespace_pids(const char *text, struct proc_status *status)
{
	char *end;

	for (;; text = end) {
		long pid = strtol(text, &end, 10);

		if (end == text || *text == '\n')
			return;
		status->virtual_pid = pid;
		if (status->pid_levels < (int)(sizeof(status->outer_ids) / sizeof(pid_t)))
			status->outer_ids[status->pid_levels] = pid;
		status->pid_levels++;
		if (*end == '\n')
			return;
	}
}

static void read_groups(const char *text, struct proc_status *status)
{
	char *end;

	for (;; text = end) {
		unsigned long gid;

		while (*text == ' ' || *text == '\t')
			text++;
		if (*text == '\n' || !*text)
			return;
		gid = strtoul(text, &end, 10);
		if (end == text)
			return;
		if (status->group_count < (int)(sizeof(status->groups) / sizeof(uint32_t)))
			status->groups[status->group_count] = gid;
		status->group_count++;
	}
}

static void read_status_line(const char *key, const char *value, struct proc_status *s)
{
	static const struct {
		const char *key;
		size_t offset;
	} masks[] = {
		{ "SigPnd", offsetof(struct proc_status, pending) },
		{ "ShdPnd", offsetof(struct proc_status, shared_pending) },
		{ "SigBlk", offsetof(struct proc_status, blocked) },
		{ "SigIgn", offsetof(struct proc_status, ignored) },
		{ "SigCgt", offsetof(struct proc_status, caught) },
		{ "CapInh", offsetof(struct proc_status, caps_inheritable) },
		{ "CapPrm", offsetof(struct proc_status, caps_permitted) },
		{ "CapEff", offsetof(struct proc_status, caps_effective) },
		{ "CapBnd", offsetof(struct proc_status, caps_bounding) },
		{ "CapAmb", offsetof(struct proc_status, caps_ambient) },
	};
	size_t i;

	for (i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		if (!strcmp(key, masks[i].key)) {
			uint64_t mask = strtoull(value, NULL, 16);

			memcpy((char *)s + masks[i].offset, &mask, sizeof(mask));
			return;
		}
	}
	if (!strcmp(key, "State"))
		s->state = *value;
	else if (!strcmp(key, "Tgid"))
		s->tgid = atoi(value);
	else if (!strcmp(key, "TracerPid"))
		s->tracer = atoi(value);
	else if (!strcmp(key, "NSpid"))
		read_namespace_pids(value, s);
	else if (!strcmp(key, "Umask"))
		s->umask = strtoul(value, NULL, 8);
	else if (!strcmp(key, "VmLck"))
		s->locked_kb = strtoull(value, NULL, 10);
	else if (!strcmp(key, "Uid"))
		read_ids(value, &s->real_uid, &s->effective_uid, &s->saved_uid, &s->fs_uid);
	else if (!strcmp(key, "Gid"))
		read_ids(value, &s->real_gid, &s->effective_gid, &s->saved_gid, &s->fs_gid);
	else if (!strcmp(key, "Groups"))
		read_groups(value, s);
	else if (!strcmp(key, "Seccomp"))
		s->seccomp = atoi(value);
	else if (!strcmp(key, "Seccomp_filters")) /* 5.9 */
		s->seccomp_filters = atoi(value);
	else if (!strcmp(key, "NoNewPrivs"))
		s->no_new_privileges = atoi(value);
}

int proc_status(pid_t tid, struct proc_status *status)
{
	char *text, *line, *next;
	int ret = proc_read_text(tid, "status", &text, NULL);

	memset(status, 0, sizeof(*status));
	if (ret < 0)
		return ret;
	for (line = text; *line; line = next) {
		char *colon = strchr(line, ':');
		char *end = strchr(line, '\n');

		next = end ? end + 1 : line + strlen(line);
		if (!colon || (end && colon > end))
			continue;
		*colon++ = '\0';
		while (*colon == '\t' || *colon == ' ')
			colon++;
		read_status_line(line, colon, status);
	}
	free(text);
	if (!status->virtual_pid) /* a kernel without CONFIG_PID_NS */
		status->virtual_pid = tid;
	return 0;
}
