/* Processes and threads as the engine holds them while they are frozen or being rebuilt. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "../common/fault.h"

/* ptrace belongs to the kernel thread that attached: one thread uses everything in this header. */

struct proc_status; /* status.h */

/* System calls that become a SIGSYS (emulators use it): prctl(2), PR_SET_SYSCALL_USER_DISPATCH. */
struct syscall_dispatch {
	uint64_t mode; /* 0: off */
	uint64_t selector, offset, bytes;
};

struct thread {
	pid_t tid;         /* as the engine sees it */
	pid_t virtual_tid; /* as the program sees it: innermost pid namespace */
	struct process *process;
	bool exited_leader;  /* the leader is a zombie while other threads live: no registers */
	bool group_stopped;  /* was in state T before the freeze; @stop_signal keeps it there */
	int stop_signal;
	struct user_regs_struct regs; /* at the freeze, after the rseq and EINTR fix-ups */
	uint64_t sigmask;             /* PTRACE_GETSIGMASK at the freeze */
	uint64_t rseq_address;        /* 0: none */
	uint32_t rseq_bytes, rseq_signature, rseq_flags;
	struct syscall_dispatch dispatch; /* off while calls are injected */
	struct proc_status *status; /* of /proc at the freeze; NULL: made by us, or an exited leader */
	bool seccomp_suspended;     /* filtered, but not as long as we trace it */
	bool injecting;
	pid_t born; /* what the last injected clone or fork has made, as the engine sees it; 0: nothing */
	uint64_t guard; /* where its burst goes on if we die; 0: unguarded */
	bool gone; /* it has died meanwhile: nothing more can be asked of it */
};

struct process {
	pid_t pid;         /* as the engine sees it */
	pid_t virtual_pid; /* innermost pid namespace */
	uint64_t start_ticks;
	bool zombie;  /* nothing but an exit status is left: no threads, no mem_fd */
	pid_t live_tid; /* a thread that has memory: the leader unless it has exited */
	int pidfd;
	int proc_fd;  /* directory /proc/<live_tid>, O_PATH */
	int mem_fd;   /* /proc/PID/mem read-write, -1 where the kernel refuses */
	bool seccomp; /* a thread is filtered and we may not suspend that: do not inject */
	uint64_t syscall_address; /* of a `syscall` instruction in its vDSO */
	uint64_t vdso_start, vdso_end; /* 0: none */
	uint64_t scratch;         /* memory for arguments, 0 until inject_scratch() */
	uint64_t guard;           /* mapping of process_guard(), no part of the program; 0: none */
	size_t guard_bytes;
	uint32_t guard_places, guard_guests; /* taken; threads that are there */
	bool parked; /* process_park() */
	struct thread *threads;   /* the leader first; process_adopt_thread may move the array */
	size_t thread_count;
	char *early_smaps; /* read before the freeze (resource/smaps.c), or NULL; freed with it */
	pid_t helper;         /* virtual tid of the thread that runs plugins' hooks; 0: none */
	uint64_t plugin_area; /* its struct plugin_area */
};

#define SCRATCH_BYTES 65536u

/* ---- freeze.c ---- */

/*
 * Seizes and stops every thread of @pid within @timeout_ms (engine-facts 4). On success *@out is
 * owned by the caller and given back with process_thaw(); on failure everything runs on.
 */
int process_freeze(pid_t pid, uint32_t timeout_ms, struct process **out, struct fault *fault);
/*
 * Only thread @tid of it (no exited leader), for a short injection: the others run on. Thaw as usual; for
 * nothing else is such a process good.
 */
int process_freeze_thread(pid_t pid, pid_t tid, uint32_t timeout_ms, struct process **out,
			  struct fault *fault);
/* Lets it run on exactly as found (registers, masks, group stop) and frees it. */
void process_thaw(struct process *p);
/* Forgets it without letting it run: it was killed. Takes its threads' ends from the kernel. */
void process_free(struct process *p);

/*
 * Lets one thread of a frozen process, known by its virtual tid, run on alone and untraced until
 * process_hold(). -ESRCH: there is none.
 */
int process_release(struct process *p, pid_t virtual_tid, struct fault *fault);
/*
 * Stops again what runs in a process of which something was released: that thread and what it has
 * made. On failure the process stays as it is; thaw it.
 */
int process_hold(struct process *p, uint32_t timeout_ms, struct fault *fault);

/*
 * From now until the thaw the death of this process inside a burst of injected calls does not hurt
 * the program (engine-facts 4.8). Without it a thread would run on in the middle of our call. Does
 * nothing where the kernel refuses a page of writable code.
 */
void process_guard(struct process *p);

/*
 * From now until process_unpark() the threads of a guarded process wait when this process dies, or
 * thaws it, until the word at @hold_word of its memory is 0. -EOPNOTSUPP: it is not possible here.
 */
int process_park(struct process *p, uint64_t *hold_word);
void process_unpark(struct process *p);
/* It was found so, left by an engine that has died. */
bool process_is_held(const struct process *p);

/*
 * A child that shares its parent's memory until it executes or exits, while the parent waits for
 * that (vfork, posix_spawn) and cannot be stopped: freeze the parent first and this one never
 * before (engine-facts 4.5).
 */
bool process_is_vfork_child(pid_t pid);

/*
 * A freeze that timed out leaves threads behind that were asked to stop and have not (state D):
 * each is let go when it stops. Call again (every 10 ms) while it returns more than 0: the number
 * of those left. Also takes the ends of exited leaders that were traced.
 */
size_t trace_release_late(void);

/*
 * A thread (process_adopt_child: a process) made by an injected clone: the kernel has attached it,
 * it is stopped. The thread becomes the last of p->threads; the process is the caller's.
 */
int process_adopt_thread(struct process *p, pid_t tid, struct fault *fault);
int process_adopt_child(pid_t pid, struct process **out, struct fault *fault);

/* A thread that can be asked for things: the leader, unless it has exited. NULL: none. */
struct thread *process_live_thread(struct process *p);
/* Writes t->regs and t->sigmask into the stopped thread. */
int thread_put_state(struct thread *t);

/* ---- inject.c ---- */

/*
 * System calls inside a stopped thread, through its own vDSO's syscall instruction
 * (engine-facts 5.1). begin blocks all signals; end puts registers and mask back. Keep it short.
 */
int inject_begin(struct thread *t, struct fault *fault);
/*
 * *@result is what the kernel returned (-errno included). A negative return: -ESRCH, the thread has
 * died; -ETIMEDOUT, the call did not return in 5 s (it has been interrupted).
 */
int inject_syscall(struct thread *t, long *result, long number, uint64_t a1, uint64_t a2,
		   uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6);
int inject_end(struct thread *t);

struct batch_call {
	uint64_t number;
	uint64_t arguments[6];
	int64_t result; /* as the kernel returned it */
};

/* Makes the calls of a table at rbx, r12 of them. Local labels 8 and 9. */
#define BATCH_LOOP \
	"8:	test %r12, %r12\n" \
	"	jz 9f\n" \
	"	mov (%rbx), %rax\n" \
	"	mov 8(%rbx), %rdi\n" \
	"	mov 16(%rbx), %rsi\n" \
	"	mov 24(%rbx), %rdx\n" \
	"	mov 32(%rbx), %r10\n" \
	"	mov 40(%rbx), %r8\n" \
	"	mov 48(%rbx), %r9\n" \
	"	syscall\n" \
	"	mov %rax, 56(%rbx)\n" \
	"	add $64, %rbx\n" \
	"	dec %r12\n" \
	"	jmp 8b\n" \
	"9:"

/*
 * All @count calls in order, whatever they return, none of which may sleep: in one stop where the
 * process is guarded, else one by one. A negative return as of inject_syscall().
 */
int inject_calls(struct thread *t, struct batch_call *calls, size_t count);
/* begin, one call, end. */
int inject_one(struct thread *t, long *result, long number, uint64_t a1, uint64_t a2, uint64_t a3,
	       uint64_t a4, uint64_t a5, uint64_t a6, struct fault *fault);
/*
 * SCRATCH_BYTES of memory in the process, part of its guard, or a mapping made on first use; gone
 * with inject_scratch_free or the thaw. It is no part of the program: p->scratch tells where it is.
 * Both between begin and end.
 */
int inject_scratch(struct thread *t, uint64_t *address, struct fault *fault);
int inject_scratch_free(struct thread *t);
/* Copies whole ranges through process_vm_* or mem_fd (also where protected): 0 or -errno. */
int process_read(struct process *p, uint64_t address, void *data, size_t bytes);
int process_write(struct process *p, uint64_t address, const void *data, size_t bytes);

#endif
