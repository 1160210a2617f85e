/* What the victims of memory look at: page patterns, and how /proc/self/smaps shows a mapping. */
#ifndef MAPPING_H
#define MAPPING_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "victim.h"

#define PAGE 4096ul

/* Every word of page @page differs with the seed, the page and its place. */
static inline uint64_t mapping_word(uint64_t seed, size_t page, size_t word)
{
	return (seed * 0x9e3779b97f4a7c15ull) ^ (page * 0xff51afd7ed558ccdull) ^ (word << 1 | 1);
}

static inline void mapping_fill(void *at, size_t page, uint64_t seed)
{
	uint64_t *words = (uint64_t *)((char *)at + page * PAGE);

	for (size_t i = 0; i < PAGE / 8; i++)
		words[i] = mapping_word(seed, page, i);
}

static inline bool mapping_holds(const void *at, size_t page, uint64_t seed)
{
	const uint64_t *words = (const uint64_t *)((const char *)at + page * PAGE);

	for (size_t i = 0; i < PAGE / 8; i++)
		if (words[i] != mapping_word(seed, page, i))
			return false;
	return true;
}

static inline bool mapping_is_zero(const void *at, size_t page)
{
	const uint64_t *words = (const uint64_t *)((const char *)at + page * PAGE);

	for (size_t i = 0; i < PAGE / 8; i++)
		if (words[i])
			return false;
	return true;
}

/* Fails unless the kernel gives exactly this place. */
static inline void *mapping_at(void *address, size_t bytes, int protection, int flags, int fd,
			       off_t offset)
{
	void *got = mmap(address, bytes, protection, flags, fd, offset);

	victim_check(got != MAP_FAILED);
	victim_check(!address || got == address);
	return got;
}

/* Anonymous memory for reading and writing, somewhere. */
static inline void *mapping_private(size_t bytes)
{
	return mapping_at(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static inline void *mapping_shared(size_t bytes)
{
	return mapping_at(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

struct mapping_shown {
	uintptr_t start, end;
	char permissions[5];
	char path[256];
	char flags[256]; /* " rd wr mr ... " */
	long locked_kb;
};

/* The mapping around @address, as smaps shows it; false: there is none. */
static inline bool mapping_show(const void *address, struct mapping_shown *m)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	char line[512];
	bool in = false;

	victim_check(smaps);
	memset(m, 0, sizeof(*m));
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long start, end;
		char permissions[5];
		int path = 0;

		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%lx-%lx %4s %*x %*x:%*x %*u %n", &start, &end, permissions,
			   &path) >= 3 && path) {
			if (in)
				break;
			in = start <= (uintptr_t)address && (uintptr_t)address < end;
			if (in) {
				m->start = start;
				m->end = end;
				strcpy(m->permissions, permissions);
				snprintf(m->path, sizeof(m->path), "%.255s", line + path);
			}
		} else if (in) {
			sscanf(line, "Locked: %ld", &m->locked_kb);
			if (!strncmp(line, "VmFlags:", 8))
				snprintf(m->flags, sizeof(m->flags), "%.254s ", line + 8);
		}
	}
	fclose(smaps);
	return m->end != 0;
}

static inline bool mapping_has_flag(const void *address, const char *flag)
{
	struct mapping_shown m;
	char word[8];

	snprintf(word, sizeof(word), " %s ", flag);
	return mapping_show(address, &m) && strstr(m.flags, word);
}

static sigjmp_buf mapping_fault_return;
static volatile sig_atomic_t mapping_fault_signal;

static inline void mapping_on_fault(int signal_number)
{
	mapping_fault_signal = signal_number;
	siglongjmp(mapping_fault_return, 1);
}

/* The signal that a read of @address makes; 0: it can be read. */
static inline int mapping_fault(const volatile char *address)
{
	struct sigaction action = { .sa_handler = mapping_on_fault }, segv, bus;

	mapping_fault_signal = 0;
	sigaction(SIGSEGV, &action, &segv);
	sigaction(SIGBUS, &action, &bus);
	if (!sigsetjmp(mapping_fault_return, 1))
		(void)*address;
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return mapping_fault_signal;
}

#endif
