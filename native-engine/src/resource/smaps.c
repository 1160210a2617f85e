#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>

#include "../common/array.h"
#include "../common/proc.h"
#include "aio.h"
#include "memory.h"

/* Hexadecimal number at *@at; moves *@at behind it. */
static uint64_t take_hex(const char **at)
{
	uint64_t value = 0;
	const char *s = *at;

	for (;; s++) {
		if (*s >= '0' && *s <= '9')
			value = value << 4 | (uint64_t)(*s - '0');
		else if (*s >= 'a' && *s <= 'f')
			value = value << 4 | (uint64_t)(*s - 'a' + 10);
		else
			break;
	}
	*at = s;
	return value;
}

static uint64_t take_decimal(const char **at)
{
	uint64_t value = 0;
	const char *s = *at;

	while (*s == ' ' || *s == '\t')
		s++;
	for (; *s >= '0' && *s <= '9'; s++)
		value = value * 10 + (uint64_t)(*s - '0');
	*at = s;
	return value;
}

/* show_vma_header_prefix() writes a newline in a path as \012 and nothing else. */
static void unescape(char *path)
{
	char *to = path;

	for (const char *from = path; *from; from++) {
		if (!strncmp(from, "\\012", 4)) {
			*to++ = '\n';
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = 0;
}

static enum special_vma special_of(const struct live_vma *v)
{
	const char *path = v->path;

	if (!strcmp(path, AIO_PATH) && v->v.flags & VMA_SHARED && !major(v->device))
		return SPECIAL_AIO;
	if (path[0] != '[')
		return SPECIAL_NONE;
	if (!strcmp(path, "[vdso]"))
		return SPECIAL_VDSO;
	if (!strncmp(path, "[vvar", 5)) /* [vvar], [vvar_vclock] since 6.13 */
		return SPECIAL_VVAR;
	if (!strcmp(path, "[vsyscall]"))
		return SPECIAL_VSYSCALL;
	return SPECIAL_NONE;
}

/* "start-end rwxp offset major:minor inode   path" */
static int parse_header(struct live_vma *v, char *line)
{
	const char *at = line;
	unsigned int major_number, minor_number;

	memset(v, 0, sizeof(*v));
	v->v.start = take_hex(&at);
	if (*at++ != '-')
		return -EPROTO;
	v->v.end = take_hex(&at);
	if (at[0] != ' ' || strlen(at) < 6)
		return -EPROTO;
	if (at[1] == 'r')
		v->v.protection |= PROT_READ;
	if (at[2] == 'w')
		v->v.protection |= PROT_WRITE;
	if (at[3] == 'x')
		v->v.protection |= PROT_EXEC;
	if (at[4] == 's')
		v->v.flags |= VMA_SHARED;
	at += 6;
	v->v.offset = take_hex(&at);
	if (*at++ != ' ')
		return -EPROTO;
	major_number = (unsigned int)take_hex(&at);
	if (*at++ != ':')
		return -EPROTO;
	minor_number = (unsigned int)take_hex(&at);
	v->device = makedev(major_number, minor_number);
	v->inode = take_decimal(&at);
	while (*at == ' ')
		at++;
	v->path = at;
	unescape((char *)at);
	v->special = special_of(v);
	v->v.page_shift = 12;
	return 0;
}

static const struct {
	char name[3];
	uint32_t flag;
} flag_names[] = {
	/* fs/proc/task_mmu.c show_smap_vma_flags() */
	{ "mw", VMA_MAY_WRITE }, { "gd", VMA_GROWS_DOWN },  { "nr", VMA_NO_RESERVE },
	{ "dc", VMA_DONT_FORK }, { "wf", VMA_WIPE_ON_FORK }, { "dd", VMA_DONT_DUMP },
	{ "hg", VMA_HUGE_PAGE }, { "nh", VMA_NO_HUGE_PAGE }, { "mg", VMA_MERGEABLE },
	{ "sr", VMA_SEQUENTIAL }, { "rr", VMA_RANDOM },	     { "lo", VMA_LOCKED },
	{ "lf", VMA_LOCK_ON_FAULT }, { "ht", VMA_HUGETLB },  { "dp", VMA_DROPPABLE },
	{ "sl", VMA_SEALED },	 { "gu", VMA_GUARDED },	     { "ac", VMA_ACCOUNTED },
};

static void parse_flags(struct live_vma *v, const char *at)
{
	v->has_flags = true;
	while (*at) {
		while (*at == ' ')
			at++;
		if (!at[0] || !at[1])
			return;
		for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++)
			if (!strncmp(at, flag_names[i].name, 2))
				v->v.flags |= flag_names[i].flag;
		if (!strncmp(at, "um", 2) || !strncmp(at, "uw", 2) || !strncmp(at, "ui", 2))
			v->userfault = true;
		if (!strncmp(at, "io", 2) || !strncmp(at, "pf", 2))
			v->device_memory = true;
		if (!strncmp(at, "ss", 2))
			v->shadow_stack = true;
		at += 2;
	}
}

static bool field(const char *line, const char *name, uint64_t *value)
{
	size_t length = strlen(name);

	if (strncmp(line, name, length))
		return false;
	line += length;
	*value = take_decimal(&line);
	return true;
}

static void parse_field(struct live_vma *v, const char *line)
{
	uint64_t value;

	switch (line[0]) {
	case 'K':
		if (field(line, "KernelPageSize:", &value) && value > 4)
			v->v.page_shift = (uint32_t)__builtin_ctzll(value) + 10;
		break;
	case 'R':
		if (field(line, "Rss:", &value))
			v->resident_bytes += value << 10;
		break;
	case 'S':
		if (field(line, "Shared_Hugetlb:", &value)) /* no part of Rss */
			v->resident_bytes += value << 10;
		else if (field(line, "Swap:", &value))
			v->swapped_bytes = value << 10;
		break;
	case 'P':
		if (field(line, "Private_Hugetlb:", &value))
			v->resident_bytes += value << 10;
		else if (field(line, "ProtectionKey:", &value))
			v->v.protection_key = (uint32_t)value;
		break;
	case 'V':
		if (!strncmp(line, "VmFlags:", 8))
			parse_flags(v, line + 8);
		break;
	}
}

static int parse(struct live_memory *m)
{
	struct live_vma *grown;
	size_t capacity = 0;
	char *line, *next;
	bool skipped = false;
	int ret;

	for (line = m->text; *line; line = next) {
		next = strchr(line, '\n');
		if (!next)
			return -EPROTO;
		*next++ = 0;
		if ((line[0] < '0' || line[0] > '9') && (line[0] < 'a' || line[0] > 'f')) {
			if (m->count && !skipped)
				parse_field(&m->vmas[m->count - 1], line);
			continue;
		}
		grown = array_grow(m->vmas, m->count, &capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		m->vmas = grown;
		ret = parse_header(&m->vmas[m->count], line);
		if (ret < 0)
			return ret;
		skipped = m->skip && m->vmas[m->count].v.start == m->skip;
		m->count += !skipped;
	}
	return 0;
}

int live_memory_read(struct live_memory *m, pid_t pid, pid_t tid, uint64_t skip,
		     struct fault *fault)
{
	char name[64] = "smaps";
	int ret;

	memset(m, 0, sizeof(*m));
	m->skip = skip;
	if (tid != pid)
		snprintf(name, sizeof(name), "task/%d/smaps", tid);
	ret = proc_read_text(pid, name, &m->text, NULL);
	if (ret >= 0)
		ret = parse(m);
	if (ret >= 0)
		return 0;
	live_memory_free(m);
	if (ret == -ENOENT || ret == -ESRCH)
		return fault_set(fault, ESRCH, "no-such-process", "process %d has ended", pid);
	if (ret == -ENOMEM)
		return fault_set(fault, ENOMEM, "out-of-memory", "mappings of process %d", pid);
	if (ret == -EACCES || ret == -EPERM)
		return fault_set(fault, EACCES, "not-allowed-to-trace",
				 "/proc/%d/%s: permission denied", pid, name);
	return fault_set(fault, -ret, "internal", "/proc/%d/%s: %s", pid, name, strerror(-ret));
}

void live_memory_free(struct live_memory *m)
{
	free(m->vmas);
	free(m->text);
	memset(m, 0, sizeof(*m));
}

/*
 * smaps visits every page: 20 ms and more for 1 GiB. For a large process it is read before the
 * freeze; under the freeze a look at maps tells whether it still holds, and live_memory_matches()
 * afterwards whether what maps does not tell has changed in between.
 */
#define LOOK_EARLY_PAGES 16384u /* 64 MiB */

char *live_memory_look_early(pid_t pid)
{
	char *text = NULL, *end;

	if (proc_read_text(pid, "statm", &text, NULL) < 0)
		return NULL;
	strtoull(text, &end, 10);
	if (strtoull(end, NULL, 10) < LOOK_EARLY_PAGES) {
		free(text);
		return NULL;
	}
	free(text);
	return proc_read_text(pid, "smaps", &text, NULL) < 0 ? NULL : text;
}

static bool same_mapping(const struct live_vma *a, const struct live_vma *b)
{
	return a->v.start == b->v.start && a->v.end == b->v.end && a->v.offset == b->v.offset &&
	       a->v.protection == b->v.protection && a->device == b->device &&
	       a->inode == b->inode && (a->v.flags & VMA_SHARED) == (b->v.flags & VMA_SHARED) &&
	       !strcmp(a->path, b->path);
}

static bool swap_in_use(void)
{
	struct sysinfo info;

	return sysinfo(&info) || info.freeswap < info.totalswap;
}

/* Makes *@m of what was read @early (taken), if maps still says the same. */
static bool take_early(struct live_memory *m, char *early, pid_t tid, uint64_t skip)
{
	struct live_memory now = { .skip = skip };
	bool same;

	memset(m, 0, sizeof(*m));
	m->text = early;
	m->early = true;
	m->skip = skip;
	same = parse(m) >= 0 && proc_read_text(tid, "maps", &now.text, NULL) >= 0 &&
	       parse(&now) >= 0 && now.count == m->count;
	for (size_t i = 0; same && i < m->count; i++)
		same = same_mapping(&m->vmas[i], &now.vmas[i]) &&
		       /* more may have been swapped out meanwhile */
		       !(m->vmas[i].v.flags & VMA_SHARED && m->vmas[i].inode && swap_in_use());
	/* How much of each exists is not known: live_memory_matches() sees that of the snapshot. */
	for (size_t i = 0; same && i < m->count; i++)
		m->vmas[i].resident_bytes = m->vmas[i].v.end - m->vmas[i].v.start;
	live_memory_free(&now);
	if (!same)
		live_memory_free(m);
	return same;
}

int live_memory_read_frozen(struct live_memory *m, struct process *p, struct fault *fault)
{
	char *early = p->early_smaps;

	p->early_smaps = NULL;
	if (early && take_early(m, early, p->live_tid, p->guard))
		return 0;
	return live_memory_read(m, p->pid, p->live_tid, p->guard, fault);
}

/* A fork keeps all but these. */
#define NOT_INHERITED (VMA_LOCKED | VMA_LOCK_ON_FAULT)

int live_memory_matches(struct live_memory *m, pid_t snapshot, struct fault *fault)
{
	struct live_memory now;
	size_t at = 0;
	int ret = live_memory_read(&now, snapshot, snapshot, m->skip, fault);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < m->count && !ret; i++) {
		struct live_vma *v = &m->vmas[i];

		if (v->v.flags & VMA_DONT_FORK ||
		    (v->special == SPECIAL_NONE && v->v.flags & VMA_SHARED))
			continue; /* it has none of these: capture_unmap() */
		if (at == now.count || !same_mapping(v, &now.vmas[at]) ||
		    (v->v.flags ^ now.vmas[at].v.flags) & ~NOT_INHERITED)
			ret = -EAGAIN;
		if (!ret) {
			v->resident_bytes = now.vmas[at].resident_bytes;
			v->swapped_bytes = now.vmas[at].swapped_bytes;
		}
		at++;
	}
	if (!ret && at != now.count)
		ret = -EAGAIN;
	live_memory_free(&now);
	return ret ? fault_set(fault, EAGAIN, "memory-changed", "the program changed the properties "
			       "of a mapping (madvise) just when it was frozen") : 0;
}

bool live_vma_is_anonymous(const struct live_vma *v)
{
	if (!v->inode)
		return true;
	/* a private mapping of /dev/zero, and private MAP_HUGETLB memory, show a file */
	return !(v->v.flags & VMA_SHARED) &&
	       (!strcmp(v->path, "/dev/zero") || !strncmp(v->path, "/anon_hugepage", 14));
}

struct thread *memory_injectable_thread(struct process *p)
{
	if (p->seccomp)
		return NULL;
	for (size_t i = 0; i < p->thread_count; i++)
		if (!p->threads[i].exited_leader)
			return &p->threads[i];
	return NULL;
}
