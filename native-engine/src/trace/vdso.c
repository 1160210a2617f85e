#include "vdso.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEARCH_BYTES (1u << 20) /* of a code mapping; a vDSO has two pages */

/* The first `syscall` (0f 05) in [start, end), or 0. */
static uint64_t find_syscall(struct process *p, uint64_t start, uint64_t end)
{
	size_t bytes = end - start > SEARCH_BYTES ? SEARCH_BYTES : end - start;
	uint8_t *code = malloc(bytes);
	uint64_t found = 0;
	size_t i;

	if (!code)
		return 0;
	if (!process_read(p, start, code, bytes))
		for (i = 0; i + 1 < bytes && !found; i++)
			if (code[i] == 0x0f && code[i + 1] == 0x05)
				found = start + i;
	free(code);
	return found;
}

/* By the auxiliary vector: a process may have 100,000 mappings to look through. */
static bool find_by_auxv(struct process *p)
{
	char path[64];
	Elf64_auxv_t entry;
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	uint64_t start = 0, end = 0;
	FILE *auxv;
	int i;

	snprintf(path, sizeof(path), "/proc/%d/auxv", p->live_tid);
	auxv = fopen(path, "re");
	if (!auxv)
		return false;
	while (!start && fread(&entry, sizeof(entry), 1, auxv) == 1 && entry.a_type != AT_NULL)
		if (entry.a_type == AT_SYSINFO_EHDR)
			start = entry.a_un.a_val;
	fclose(auxv);
	if (!start || process_read(p, start, &header, sizeof(header)) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG))
		return false;
	for (i = 0; i < header.e_phnum && i < 16 && !end; i++)
		if (!process_read(p, start + header.e_phoff + i * sizeof(segment), &segment,
				  sizeof(segment)) && segment.p_type == PT_LOAD)
			end = start + ((segment.p_memsz + 4095) & ~4095ull);
	if (end <= start)
		return false;
	p->vdso_start = start;
	p->vdso_end = end;
	p->syscall_address = find_syscall(p, start, end);
	return p->syscall_address != 0;
}

int vdso_find(struct process *p, struct fault *fault)
{
	char path[64], line[512];
	uint64_t start, end, code_start[8], code_end[8];
	size_t code_count = 0, i;
	FILE *maps;

	if (find_by_auxv(p))
		return 0;
	p->vdso_start = p->vdso_end = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", p->live_tid);
	maps = fopen(path, "re");
	if (!maps)
		return fault_set(fault, errno, "not-allowed-to-trace", "%s: %s", path,
				 strerror(errno));
	while (fgets(line, sizeof(line), maps)) {
		char permissions[5];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, permissions) != 3)
			continue;
		if (strstr(line, " [vdso]")) {
			p->vdso_start = start;
			p->vdso_end = end;
			break;
		}
		if (permissions[2] == 'x' && start < (1ull << 63) &&
		    code_count < sizeof(code_start) / sizeof(code_start[0])) {
			code_start[code_count] = start;
			code_end[code_count++] = end;
		}
	}
	fclose(maps);
	if (p->vdso_start)
		p->syscall_address = find_syscall(p, p->vdso_start, p->vdso_end);
	for (i = 0; i < code_count && !p->syscall_address; i++)
		p->syscall_address = find_syscall(p, code_start[i], code_end[i]);
	if (!p->syscall_address)
		return fault_set(fault, ENOEXEC, "not-supported",
				 "process %d has no system call instruction", p->pid);
	return 0;
}
