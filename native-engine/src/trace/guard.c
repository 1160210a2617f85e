#include "guard.h"

#include <asm/unistd.h>
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define PLACES 8 /* threads that are in a burst at the same time; one, as a rule */
#define PLACE_BYTES 512
#define SAVED_OFFSET 256
#define AFTER_SYSCALL 2
#define LOOP_OFFSET 176
#define BIRTH_OFFSET 416
#define NEVER_OFFSET 504 /* a zero */
#define CODE_BYTES (PLACES * PLACE_BYTES)
#define TABLE_BYTES (GUARD_CALLS * sizeof(struct batch_call))
#define HOLD_OFFSET (CODE_BYTES + TABLE_BYTES + SCRATCH_BYTES)
#define LATE_THREADS 16 /* that the process may have later */
#define RESTART_SYSCALL 219

/* What puts a thread back where it was: read by the code below, written by us. */
struct saved {
	uint64_t flags, rsp, mask;
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rcx, rdx, rsi, rdi, rax;
	uint64_t rip;
	uint64_t hold; /* of a word: until it is 0 the thread waits; 16 behind, a timespec */
};

/*
 * Calls are injected at the first instruction. A tracer that lives stops the thread behind it and
 * sets its registers anew. When it has died the kernel lets the thread run on from there: it gives
 * itself back its mask and its registers, and goes where it was. Needs no register and no stack.
 * A call that makes a process is injected further below: what it has made ends itself where nobody
 * holds it, by the signal that twin_is_leftover() knows. As long as the word of process_park() says
 * so, the thread waits before it goes.
 */
asm(".pushsection .rodata\n"
    "guard_code:\n"
    "	syscall\n"
    "	jmp guard_code_hold\n"
    "guard_code_leave:\n"
    "	lea 1f+0(%rip), %rsp\n"
    "	popfq\n"
    "	mov 1f+8(%rip), %rsp\n"
    "	mov $14, %eax\n" /* rt_sigprocmask(SIG_SETMASK, mask, NULL, 8): keeps the flags */
    "	mov $2, %edi\n"
    "	lea 1f+16(%rip), %rsi\n"
    "	mov $0, %edx\n"
    "	mov $8, %r10d\n"
    "	syscall\n"
    "	mov 1f+24(%rip), %r15\n"
    "	mov 1f+32(%rip), %r14\n"
    "	mov 1f+40(%rip), %r13\n"
    "	mov 1f+48(%rip), %r12\n"
    "	mov 1f+56(%rip), %rbp\n"
    "	mov 1f+64(%rip), %rbx\n"
    "	mov 1f+72(%rip), %r11\n"
    "	mov 1f+80(%rip), %r10\n"
    "	mov 1f+88(%rip), %r9\n"
    "	mov 1f+96(%rip), %r8\n"
    "	mov 1f+104(%rip), %rcx\n"
    "	mov 1f+112(%rip), %rdx\n"
    "	mov 1f+120(%rip), %rsi\n"
    "	mov 1f+128(%rip), %rdi\n"
    "	mov 1f+136(%rip), %rax\n"
    "	jmp *1f+144(%rip)\n"
    "	.org guard_code + 176\n"
    BATCH_LOOP
    "	mov $234, %eax\n" /* tgkill */
    "	mov %r13, %rdi\n"
    "	mov %r14, %rsi\n"
    "	mov %r15, %rdx\n"
    "	syscall\n"
    "guard_code_loop_end:\n"
    "	jmp guard_code + 2\n"
    "	.org guard_code + 256\n"
    "1:	.skip 160\n"
    "	.org guard_code + 416\n"
    "	syscall\n"
    "	test %eax, %eax\n"
    "	jnz guard_code + 2\n"
    "	mov $39, %eax\n" /* getpid */
    "	syscall\n"
    "	mov %eax, %edi\n"
    "	mov $9, %esi\n"
    "	mov $62, %eax\n" /* kill(getpid(), SIGKILL) */
    "	syscall\n"
    "	ud2\n"
    "guard_code_hold:\n"
    "	mov 1b+152(%rip), %rbx\n"
    "2:	cmpl $0, (%rbx)\n"
    "	je guard_code_leave\n"
    "	mov $270, %eax\n" /* pselect6 for a millisecond: it leaves the restart block alone */
    "	xor %edi, %edi\n"
    "	xor %esi, %esi\n"
    "	xor %edx, %edx\n"
    "	xor %r10d, %r10d\n"
    "	lea 16(%rbx), %r8\n"
    "	movq $1000000, 24(%rbx)\n" /* the kernel puts there what is left */
    "	xor %r9d, %r9d\n"
    "	syscall\n"
    "	jmp 2b\n"
    "	.org guard_code + 504\n"
    "	.quad 0\n"
    "	.org guard_code + 512\n"
    ".popsection\n");
extern const char guard_code[], guard_code_loop_end[];

_Static_assert(sizeof(struct saved) == 160, "the code above names the offsets");
_Static_assert(sizeof(struct batch_call) == 64, "the loop steps by 64");

/* The kernel's restart of an interrupted call is done by hand: it does not happen on this way. */
static void fill(struct saved *s, const struct thread *t, uint64_t hold)
{
	const struct user_regs_struct *r = &t->regs;

	*s = (struct saved){
		.flags = r->eflags, .rsp = r->rsp, .mask = t->sigmask, .r15 = r->r15,
		.r14 = r->r14, .r13 = r->r13, .r12 = r->r12, .rbp = r->rbp, .rbx = r->rbx,
		.r11 = r->r11, .r10 = r->r10, .r9 = r->r9, .r8 = r->r8, .rcx = r->rcx,
		.rdx = r->rdx, .rsi = r->rsi, .rdi = r->rdi, .rax = r->rax, .rip = r->rip,
		.hold = hold,
	};
	if ((int64_t)r->orig_rax < 0)
		return;
	switch ((int64_t)r->rax) {
	case -512: /* ERESTARTSYS */
	case -513: /* ERESTARTNOINTR */
	case -514: /* ERESTARTNOHAND */
		s->rax = r->orig_rax;
		s->rip -= AFTER_SYSCALL;
		break;
	case -516: /* ERESTART_RESTARTBLOCK */
		s->rax = RESTART_SYSCALL;
		s->rip -= AFTER_SYSCALL;
		break;
	}
}

bool guard_enter(struct thread *t)
{
	struct process *p = t->process;
	struct user_regs_struct regs = t->regs;
	struct iovec area = { &regs, sizeof(regs) };
	struct saved saved;
	unsigned int place;
	uint64_t address;

	for (place = 0; p->guard && place < PLACES; place++)
		if (!(p->guard_places & 1u << place))
			break;
	if (!p->guard || place == PLACES)
		return false;
	address = p->guard + place * PLACE_BYTES;
	fill(&saved, t, p->parked ? guard_hold_word(p) : address + NEVER_OFFSET);
	if (process_write(p, address + SAVED_OFFSET, &saved, sizeof(saved)) < 0)
		return false;
	/* Before the mask changes: whoever dies in between leaves a thread that recovers. */
	regs.rip = address + AFTER_SYSCALL;
	regs.orig_rax = -1;
	if (ptrace(PTRACE_SETREGSET, t->tid, NT_PRSTATUS, &area) < 0)
		return false;
	p->guard_places |= 1u << place;
	p->guard_guests++;
	t->guard = address;
	return true;
}

void guard_leave(struct thread *t)
{
	struct process *p = t->process;

	if (!t->guard)
		return;
	p->guard_places &= ~(1u << (t->guard - p->guard) / PLACE_BYTES);
	p->guard_guests--;
	t->guard = 0;
}

uint64_t guard_birth(const struct thread *t)
{
	return t->guard + BIRTH_OFFSET;
}

uint64_t guard_loop(const struct thread *t)
{
	return t->guard + LOOP_OFFSET;
}

uint64_t guard_loop_end(const struct thread *t)
{
	return t->guard + (uint64_t)(guard_code_loop_end - guard_code);
}

uint64_t guard_table(const struct process *p)
{
	return p->guard + CODE_BYTES;
}

uint64_t guard_scratch(const struct process *p)
{
	return guard_table(p) + TABLE_BYTES;
}

/*
 * One place in the zeros behind the vDSO, for the call that maps the others: as long as it is there
 * the process has a page of its own of it (VM_MAYWRITE, arch/x86/entry/vdso/vma.c: for debuggers).
 * What an engine that died has left behind is taken over.
 */
static bool borrow_place(struct process *p)
{
	uint64_t address = p->vdso_end - PLACE_BYTES;
	char now[PLACE_BYTES];
	size_t used = SAVED_OFFSET;

	if (!p->vdso_start || process_read(p, address, now, sizeof(now)) < 0)
		return false;
	while (used && !now[used - 1])
		used--;
	if (used && memcmp(now, guard_code, SAVED_OFFSET))
		return false;
	for (used = SAVED_OFFSET; !now[0] && used < PLACE_BYTES; used++)
		if (now[used])
			return false;
	if (process_write(p, address, guard_code, PLACE_BYTES) < 0)
		return false;
	p->guard = address;
	p->guard_places = ~1u; /* there is one only */
	return true;
}

static void give_back(struct process *p)
{
	const char zeros[PLACE_BYTES] = { 0 };

	/* A thread that could not be brought away from there still needs what is there. */
	if (!p->guard_guests)
		process_write(p, p->guard, zeros, sizeof(zeros));
	p->guard = 0;
	p->guard_guests = 0;
	p->guard_places = 0;
}

static uint64_t map_places(struct process *p, struct thread *t)
{
	size_t parking = 1 + p->thread_count + LATE_THREADS;
	bool borrowed = borrow_place(p);
	long result = 0;

	p->guard_bytes = HOLD_OFFSET + parking * PLACE_BYTES;

	if (inject_begin(t, NULL) < 0)
		goto out;
	/* Shared: never one mapping with a neighbour. Refused where writable code is forbidden. */
	if (inject_syscall(t, &result, __NR_mmap, 0, p->guard_bytes,
			   PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0) ||
	    (result < 0 && result > -4096))
		result = 0;
	inject_end(t);
out:
	if (borrowed)
		give_back(p);
	return result;
}

void process_guard(struct process *p)
{
	struct thread *t = process_live_thread(p);
	char code[CODE_BYTES];
	int i;

	if (!t || p->guard || p->seccomp)
		return;
	for (i = 0; i < PLACES; i++)
		memcpy(code + i * PLACE_BYTES, guard_code, PLACE_BYTES);
	p->guard = map_places(p, t);
	if (p->guard && process_write(p, p->guard, code, sizeof(code)) < 0)
		guard_close(p);
}

void guard_close(struct process *p)
{
	struct thread *t = process_live_thread(p);
	uint64_t address = p->guard;
	bool borrowed;
	long result;

	p->guard = p->scratch = 0;
	if (!address || !t || p->guard_guests)
		return;
	borrowed = borrow_place(p);
	if (inject_begin(t, NULL) == 0) {
		inject_syscall(t, &result, __NR_munmap, address, p->guard_bytes, 0, 0, 0, 0);
		inject_end(t);
	}
	if (borrowed)
		give_back(p);
}

uint64_t guard_hold_word(const struct process *p)
{
	return p->guard + HOLD_OFFSET;
}

uint64_t guard_parking(const struct thread *t)
{
	const struct process *p = t->process;

	return guard_hold_word(p) + (1 + (uint64_t)(t - p->threads)) * PLACE_BYTES;
}

bool guard_prepare_parking(const struct thread *t)
{
	const struct process *p = t->process;
	uint64_t address = guard_parking(t);
	char place[PLACE_BYTES];
	struct saved saved;

	if (address + PLACE_BYTES > p->guard + p->guard_bytes)
		return false;
	fill(&saved, t, guard_hold_word(p));
	memcpy(place, guard_code, sizeof(place));
	memcpy(place + SAVED_OFFSET, &saved, sizeof(saved));
	return !process_write(t->process, address, place, sizeof(place));
}

bool guard_is_held(const struct thread *t)
{
	uint64_t address = t->regs.rip & ~(uint64_t)(PLACE_BYTES - 1);
	char place[PLACE_BYTES];
	struct saved saved;
	uint32_t word;

	if (process_read(t->process, address, place, sizeof(place)) < 0 ||
	    memcmp(place, guard_code, SAVED_OFFSET))
		return false;
	memcpy(&saved, place + SAVED_OFFSET, sizeof(saved));
	return !process_read(t->process, saved.hold, &word, sizeof(word)) && word;
}
