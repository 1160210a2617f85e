/* The events around fork(2), whose handlers are in preload/forks.c, and around vfork(2). */
#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

#include "../preload/for_wrappers.h"

pid_t fork(void)
{
	return dmtcp_internal_fork(NEXT_FNC(fork));
}

LIB_PRIVATE void vfork_begins(void);
LIB_PRIVATE pid_t vfork_has_returned(long ret);

void vfork_begins(void)
{
	dmtcp_internal_raise(DMTCP_EVENT_VFORK_PREPARE, NULL);
}

/* In the parent and in the child, which borrows its memory and its stack. */
pid_t vfork_has_returned(long ret)
{
	dmtcp_internal_raise(!ret ? DMTCP_EVENT_VFORK_CHILD : ret > 0 ? DMTCP_EVENT_VFORK_PARENT :
									DMTCP_EVENT_VFORK_FAILED, NULL);
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

/*
 * The child returns first, and its calls overwrite what is on the stack from here on: the address to which
 * the parent returns waits in a register (vfork(2); the kernel changes rax, rcx and r11 only).
 */
asm(".globl vfork\n"
    ".type vfork, @function\n"
    "vfork:\n"
    "	sub $8, %rsp\n"
    "	call vfork_begins\n"
    "	add $8, %rsp\n"
    "	pop %rdx\n"
    "	mov $58, %eax\n" /* SYS_vfork */
    "	syscall\n"
    "	push %rdx\n"
    "	mov %rax, %rdi\n"
    "	jmp vfork_has_returned\n"
    ".size vfork, . - vfork\n");
