/*
 * victim: functions of the vDSO through pointers kept from before
 * category: memory
 * variants: dynamic static
 */
#include <elf.h>
#include <sched.h>
#include <sys/auxv.h>

#include "mapping.h"

static const unsigned char *vdso;

/* A function by name, found as a run-time system does: through the dynamic section. */
static void *function(const char *name)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)vdso;
	const Elf64_Phdr *segments = (const Elf64_Phdr *)(vdso + h->e_phoff);
	const Elf64_Sym *symbols = NULL;
	const char *names = NULL;

	for (int i = 0; i < h->e_phnum; i++) {
		const Elf64_Dyn *d = (const Elf64_Dyn *)(vdso + segments[i].p_offset);

		if (segments[i].p_type != PT_DYNAMIC)
			continue;
		for (; d->d_tag != DT_NULL; d++) {
			if (d->d_tag == DT_SYMTAB)
				symbols = (const Elf64_Sym *)(vdso + d->d_un.d_ptr);
			if (d->d_tag == DT_STRTAB)
				names = (const char *)(vdso + d->d_un.d_ptr);
		}
	}
	victim_check(symbols && names);
	for (int i = 1; (const char *)&symbols[i] < names; i++)
		if (!strcmp(names + symbols[i].st_name, name))
			return (void *)(vdso + symbols[i].st_value);
	return NULL;
}

static int (*gettime)(clockid_t, struct timespec *);
static long (*getcpu_function)(unsigned int *, unsigned int *, void *);
static time_t (*time_function)(time_t *);

static void check(void)
{
	unsigned int processor = 9999;
	struct timespec a, b;

	victim_check(gettime(CLOCK_REALTIME, &a) == 0);
	victim_check(clock_gettime(CLOCK_REALTIME, &b) == 0);
	victim_check(b.tv_sec - a.tv_sec <= 5 && b.tv_sec >= a.tv_sec);
	victim_check(time_function(NULL) - b.tv_sec <= 5);
	victim_check(getcpu_function(&processor, NULL, NULL) == 0 && processor < 9999);
	victim_check((uintptr_t)vdso == getauxval(AT_SYSINFO_EHDR));
}

int main(void)
{
	vdso = (const unsigned char *)getauxval(AT_SYSINFO_EHDR);
	victim_check(vdso);
	gettime = (int (*)(clockid_t, struct timespec *))function("__vdso_clock_gettime");
	getcpu_function =
		(long (*)(unsigned int *, unsigned int *, void *))function("__vdso_getcpu");
	time_function = (time_t (*)(time_t *))function("__vdso_time");
	victim_check(gettime && getcpu_function && time_function);
	return victim_run(check);
}
