/*
 * The vDSO: programs keep pointers into it (libc, the JVM, Go), so its functions must stay where
 * they were. Where the kernel's vDSO is the same, it is moved there with the pages it reads; where
 * it is another, it is parked in a hole, and the old code is put at the old place as ordinary
 * memory whose functions jump to the new ones. To the next checkpoint that memory is nothing
 * special: should the kernel change again, the parked one gets its own proxy, and the jumps are
 * chained.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "memory.h"

#define VDSO_BYTES_MAX (64u << 10)
#define AREA_BYTES_MAX (1u << 20)

struct vdso_record { /* RECORD_VDSO; the tail is its code */
	uint64_t start, bytes;           /* of the code */
	uint64_t area_start, area_bytes; /* together with the pages it reads */
};

/* Bounds of all special mappings, and of the code among them. False: there is no vDSO. */
static bool find_area(const struct live_memory *m, struct vdso_record *r)
{
	uint64_t area_end = 0;

	memset(r, 0, sizeof(*r));
	for (size_t i = 0; i < m->count; i++) {
		const struct live_vma *v = &m->vmas[i];

		if (v->special != SPECIAL_VDSO && v->special != SPECIAL_VVAR)
			continue;
		if (!r->area_start)
			r->area_start = v->v.start;
		area_end = v->v.end;
		if (v->special == SPECIAL_VDSO) {
			r->start = v->v.start;
			r->bytes = v->v.end - v->v.start;
		}
	}
	r->area_bytes = area_end - r->area_start;
	return r->start && r->bytes <= VDSO_BYTES_MAX && r->area_bytes <= AREA_BYTES_MAX;
}

int vdso_capture(struct capture *c, const struct live_memory *m)
{
	struct vdso_record r;
	uint8_t *code;
	int ret;

	if (!find_area(m, &r))
		return 0; /* the program has unmapped it */
	code = malloc(r.bytes);
	if (!code)
		return fault_set(c->fault, ENOMEM, "out-of-memory", "copy of the vDSO");
	ret = process_read(c->process, r.start, code, r.bytes);
	if (ret < 0)
		fault_set(c->fault, -ret, "memory-unreadable", "vDSO of process %d: %s",
			  c->process->virtual_pid, strerror(-ret));
	else
		record_append(c->records, RECORD_VDSO, &r, sizeof(r), code, r.bytes);
	free(code);
	return ret;
}

static bool read_record(const struct buffer *records, struct vdso_record *r, const uint8_t **code)
{
	const struct record *record = record_find(records, RECORD_VDSO, NULL);
	size_t bytes;

	if (!record)
		return false;
	record_head(record, r, sizeof(*r));
	*code = record_tail(record, sizeof(*r), &bytes);
	return bytes == r->bytes;
}

int vdso_verify(const struct buffer *records, const struct memory_table *t, struct fault *fault)
{
	struct vdso_record r;
	const uint8_t *code;

	if (!record_find(records, RECORD_VDSO, NULL))
		return 0;
	if (!read_record(records, &r, &code) || !r.bytes || r.bytes > VDSO_BYTES_MAX ||
	    r.area_bytes > AREA_BYTES_MAX || (r.start | r.bytes | r.area_start | r.area_bytes) %
	    PAGE_BYTES || !r.area_start || r.area_start > USER_END - r.area_bytes ||
	    r.start < r.area_start || r.start - r.area_start > r.area_bytes - r.bytes)
		return fault_set(fault, EINVAL, "image-damaged",
				 "the record of the vDSO makes no sense");
	for (size_t i = 0; i < t->count; i++)
		if (t->vmas[i].start < r.start + r.bytes && t->vmas[i].end > r.start)
			return fault_set(fault, EINVAL, "image-damaged",
					 "mapping %" PRIx64 "-%" PRIx64 " overlaps the vDSO",
					 t->vmas[i].start, t->vmas[i].end);
	return 0;
}

/* ---- moving ---- */

static bool overlap(uint64_t a, uint64_t b, uint64_t bytes)
{
	return a < b + bytes && b < a + bytes;
}

/* Moves all special mappings by the same distance; they must not overlap where they go. */
static int move_area(struct rebuilt_process *p, struct thread *t, const struct live_memory *now,
		     uint64_t from, uint64_t current, uint64_t to)
{
	uint64_t delta = to - current;
	long result;
	int ret;

	for (size_t i = 0; i < now->count; i++) {
		const struct live_vma *v = &now->vmas[i];
		uint64_t at = v->v.start - from + current, bytes = v->v.end - v->v.start;

		if (v->special != SPECIAL_VDSO && v->special != SPECIAL_VVAR)
			continue;
		ret = inject_syscall(t, &result, SYS_mremap, at, bytes, bytes,
				     MREMAP_MAYMOVE | MREMAP_FIXED, at + delta, 0);
		if (ret < 0 || result != (long)(at + delta))
			return fault_set(p->fault, ret < 0 ? -ret : (int)-result, "internal",
					 "the vDSO cannot be moved to %" PRIx64 ": %s", at + delta,
					 strerror(ret < 0 ? -ret : (int)-result));
		if (v->special == SPECIAL_VDSO) {
			/* what is injected next runs there */
			p->process->syscall_address += delta;
			p->process->vdso_start += delta;
			p->process->vdso_end += delta;
		}
	}
	return 0;
}

/* To @to, over @between when source and target overlap: mremap(2) refuses that. */
static int move_to(struct rebuilt_process *p, struct thread *t, const struct live_memory *now,
		   const struct vdso_record *current, uint64_t to, uint64_t between)
{
	uint64_t from = current->area_start;
	int ret;

	if (from == to)
		return 0;
	if (!overlap(from, to, current->area_bytes))
		return move_area(p, t, now, from, from, to);
	ret = move_area(p, t, now, from, from, between);
	return ret < 0 ? ret : move_area(p, t, now, from, between, to);
}

/* ---- the proxy ---- */

struct symbols {
	const uint8_t *code;
	const Elf64_Sym *table;
	const char *names;
	size_t count, name_bytes;
	uint64_t base; /* address that the values count from */
};

/* True when @bytes at @at lie within @total. */
static bool within(uint64_t at, uint64_t bytes, uint64_t total)
{
	return at <= total && bytes <= total - at;
}

/* The dynamic symbols of a vDSO; the code may come from a hostile image. */
static int find_symbols(struct symbols *s, const uint8_t *code, uint64_t bytes)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)code;
	uint64_t hash = 0, table = 0, names = 0, name_bytes = 0;
	uint64_t load = 0, dynamic = 0, dynamics = 0;
	const Elf64_Phdr *segments;

	memset(s, 0, sizeof(*s));
	if (bytes < sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG) ||
	    !within(h->e_phoff, (uint64_t)h->e_phnum * sizeof(*segments), bytes))
		return -ENOEXEC;
	segments = (const Elf64_Phdr *)(code + h->e_phoff);
	for (unsigned int i = 0; i < h->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD)
			load = segments[i].p_vaddr - segments[i].p_offset;
		if (segments[i].p_type == PT_DYNAMIC &&
		    within(segments[i].p_offset, segments[i].p_filesz, bytes)) {
			dynamic = segments[i].p_offset;
			dynamics = segments[i].p_filesz / sizeof(Elf64_Dyn);
		}
	}
	for (uint64_t i = 0; i < dynamics; i++) {
		const Elf64_Dyn *d = (const Elf64_Dyn *)(code + dynamic) + i;

		switch (d->d_tag) {
		case DT_HASH:
			hash = d->d_un.d_ptr - load;
			break;
		case DT_SYMTAB:
			table = d->d_un.d_ptr - load;
			break;
		case DT_STRTAB:
			names = d->d_un.d_ptr - load;
			break;
		case DT_STRSZ:
			name_bytes = d->d_un.d_val;
			break;
		}
	}
	if (!table || !within(names, name_bytes, bytes) || !name_bytes ||
	    code[names + name_bytes - 1])
		return -ENOEXEC;
	/* without DT_HASH (gone since 6.13 on some architectures): the names follow the symbols */
	if (hash && within(hash, 8, bytes))
		s->count = ((const uint32_t *)(code + hash))[1];
	else if (names > table)
		s->count = (names - table) / sizeof(Elf64_Sym);
	if (!within(table, s->count * sizeof(Elf64_Sym), bytes) || s->count > 1000)
		return -ENOEXEC;
	s->code = code;
	s->table = (const Elf64_Sym *)(code + table);
	s->names = (const char *)(code + names);
	s->name_bytes = name_bytes;
	s->base = load;
	return 0;
}

static const char *symbol_name(const struct symbols *s, const Elf64_Sym *symbol)
{
	return symbol->st_name < s->name_bytes ? s->names + symbol->st_name : "";
}

static bool is_function(const Elf64_Sym *symbol)
{
	return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_shndx != SHN_UNDEF;
}

static const struct {
	const char *name;
	uint32_t number;
} as_calls[] = {
	{ "__vdso_clock_gettime", SYS_clock_gettime }, { "__vdso_gettimeofday", SYS_gettimeofday },
	{ "__vdso_time", SYS_time },		       { "__vdso_getcpu", SYS_getcpu },
	{ "__vdso_clock_getres", SYS_clock_getres },   { "__vdso_getrandom", SYS_getrandom },
};

#define JUMP_BYTES 14

/*
 * Code that continues in the new vDSO, or that does the system call where that has no such
 * function.
 */
static bool write_stub(uint8_t *at, const char *name, const struct symbols *new_symbols,
		       uint64_t new_start)
{
	/* jmp *(%rip), the address follows; syscall, ret */
	static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
	static const uint8_t call[] = { 0x0f, 0x05, 0xc3 };

	for (size_t i = 0; i < new_symbols->count; i++) {
		const Elf64_Sym *symbol = &new_symbols->table[i];
		uint64_t target = new_start + symbol->st_value - new_symbols->base;

		if (!is_function(symbol) || strcmp(symbol_name(new_symbols, symbol), name))
			continue;
		memcpy(at, jump, sizeof(jump));
		memcpy(at + sizeof(jump), &target, sizeof(target));
		return true;
	}
	for (size_t i = 0; i < sizeof(as_calls) / sizeof(as_calls[0]); i++) {
		if (strcmp(as_calls[i].name, name))
			continue;
		at[0] = 0xb8; /* mov $number, %eax */
		memcpy(at + 1, &as_calls[i].number, 4);
		memcpy(at + 5, call, sizeof(call));
		return true;
	}
	return false;
}

static int patch(uint8_t *old_code, uint64_t bytes, const uint8_t *new_code, uint64_t new_bytes,
		 uint64_t new_start)
{
	struct symbols old_symbols, new_symbols;
	uint8_t *copy;
	int ret;

	ret = find_symbols(&new_symbols, new_code, new_bytes);
	if (ret < 0)
		return ret;
	copy = malloc(bytes); /* the symbols are read from it while the code changes */
	if (!copy)
		return -ENOMEM;
	memcpy(copy, old_code, bytes);
	ret = find_symbols(&old_symbols, copy, bytes);
	for (size_t i = 0; ret >= 0 && i < old_symbols.count; i++) {
		const Elf64_Sym *symbol = &old_symbols.table[i];
		uint64_t at = symbol->st_value - old_symbols.base;

		/* only names with the prefix: the others are aliases of them */
		if (!is_function(symbol) ||
		    strncmp(symbol_name(&old_symbols, symbol), "__vdso_", 7))
			continue;
		if (symbol->st_size < JUMP_BYTES || !within(at, JUMP_BYTES, bytes))
			ret = -ENOEXEC;
		else
			write_stub(old_code + at, symbol_name(&old_symbols, symbol), &new_symbols,
				   new_start);
	}
	free(copy);
	return ret;
}

static int put_proxy(struct rebuilt_process *p, struct thread *t, const struct vdso_record *old,
		     const uint8_t *code, const uint8_t *new_code, const struct vdso_record *now)
{
	uint8_t *patched = malloc(old->bytes);
	long result;
	int ret = -ENOMEM;

	if (!patched)
		goto out;
	memcpy(patched, code, old->bytes);
	ret = patch(patched, old->bytes, new_code, now->bytes, p->process->vdso_start);
	if (ret < 0)
		goto out;
	ret = inject_syscall(t, &result, SYS_mmap, old->start, old->bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (ret >= 0 && result < 0)
		ret = (int)result;
	if (ret >= 0)
		ret = process_write(p->process, old->start, patched, old->bytes);
	if (ret >= 0)
		ret = inject_syscall(t, &result, SYS_mprotect, old->start, old->bytes,
				     PROT_READ | PROT_EXEC, 0, 0, 0);
	if (ret >= 0 && result < 0)
		ret = (int)result;
out:
	free(patched);
	if (ret < 0)
		return fault_set(p->fault, -ret, "vdso-differs",
				 "this kernel's vDSO differs and cannot replace the saved one: %s",
				 strerror(-ret));
	return 0;
}

int vdso_restore(struct rebuilt_process *p, struct thread *t, const struct memory_table *table,
		 const struct live_memory *live)
{
	struct vdso_record now, saved = { 0 };
	struct file_range avoid[2];
	const uint8_t *code = NULL;
	uint8_t *new_code;
	uint64_t hole;
	int ret;

	if (!find_area(live, &now))
		return fault_set(p->fault, ENOTSUP, "not-supported",
				 "this kernel gives processes no vDSO");
	read_record(p->records, &saved, &code);
	avoid[0] = (struct file_range){ saved.area_start, saved.area_start + saved.area_bytes };
	avoid[1] = (struct file_range){ now.area_start, now.area_start + now.area_bytes };
	hole = memory_table_hole(table, now.area_start, now.area_bytes, avoid, 2);
	if (!hole)
		hole = memory_table_hole(table, 1 << 20, now.area_bytes, avoid, 2);
	new_code = malloc(now.bytes);
	if (!hole || !new_code) {
		free(new_code);
		return fault_set(p->fault, ENOMEM, "out-of-memory", "no room for the vDSO");
	}
	ret = process_read(p->process, now.start, new_code, now.bytes);
	if (ret < 0)
		fault_set(p->fault, -ret, "internal", "vDSO of process %d: %s", p->process->pid,
			  strerror(-ret));
	else if (code && saved.bytes == now.bytes && saved.area_bytes == now.area_bytes &&
		 saved.start - saved.area_start == now.start - now.area_start &&
		 !memcmp(code, new_code, now.bytes))
		ret = move_to(p, t, live, &now, saved.area_start, hole);
	else
		ret = move_to(p, t, live, &now, hole, hole);
	if (ret >= 0 && code && p->process->vdso_start != saved.start)
		ret = put_proxy(p, t, &saved, code, new_code, &now);
	free(new_code);
	return ret;
}
