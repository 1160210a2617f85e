#include "strangers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t slot(const struct strangers *s, pid_t pid)
{
	size_t i = (uint32_t)pid * 2654435761u & (s->capacity - 1);

	while (s->slots[i].pid && s->slots[i].pid != pid)
		i = (i + 1) & (s->capacity - 1);
	return i;
}

static bool grow(struct strangers *s)
{
	struct strangers larger = { .capacity = s->capacity ? s->capacity * 2 : 256,
				    .count = s->count };

	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < s->capacity; i++)
		if (s->slots[i].pid)
			larger.slots[slot(&larger, s->slots[i].pid)] = s->slots[i];
	free(s->slots);
	*s = larger;
	return true;
}

uint64_t stranger_inode(pid_t pid)
{
	struct stat there;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return stat(path, &there) < 0 ? 0 : there.st_ino;
}

void strangers_add(struct strangers *s, pid_t pid, uint64_t inode)
{
	struct stranger *free_or_known;

	/* Without memory for it, it is looked at again. */
	if (!inode || (s->count * 2 >= s->capacity && !grow(s)))
		return;
	free_or_known = &s->slots[slot(s, pid)];
	s->count += !free_or_known->pid;
	*free_or_known = (struct stranger){ pid, inode };
}

bool strangers_contain(const struct strangers *s, pid_t pid, uint64_t inode)
{
	const struct stranger *found = s->count ? &s->slots[slot(s, pid)] : NULL;

	return found && found->pid == pid && found->inode == inode;
}

void strangers_forget(struct strangers *s, pid_t pid)
{
	struct stranger *found = s->count ? &s->slots[slot(s, pid)] : NULL;

	if (found && found->pid == pid)
		found->inode = UINT64_MAX; /* no file has it: the slot stays, others lie behind it */
}

void strangers_free(struct strangers *s)
{
	free(s->slots);
	memset(s, 0, sizeof(*s));
}
