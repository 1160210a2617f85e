/*
 * victim: a program of 32-bit code
 * category: process
 * refused: thread \d+ of process \d+ runs 32-bit code
 */
#include <elf.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "victim.h"

#define BASE 0x10000

static pid_t child;

static const unsigned char code[] = {
	0xb8, 29, 0, 0, 0, /* mov eax, pause */
	0xcd, 0x80,        /* int 0x80 */
	0xeb, 0xf7,        /* again */
};

static void write_program(void)
{
	struct {
		Elf32_Ehdr file;
		Elf32_Phdr segment;
		unsigned char code[sizeof(code)];
	} program = {
		.file = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC, .e_machine = EM_386, .e_version = EV_CURRENT,
			.e_entry = BASE + sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr),
			.e_phoff = sizeof(Elf32_Ehdr), .e_ehsize = sizeof(Elf32_Ehdr),
			.e_phentsize = sizeof(Elf32_Phdr), .e_phnum = 1,
		},
		.segment = {
			.p_type = PT_LOAD, .p_vaddr = BASE, .p_filesz = sizeof(program),
			.p_memsz = sizeof(program), .p_flags = PF_R | PF_X, .p_align = 4096,
		},
	};
	int fd = open("program", O_WRONLY | O_CREAT, 0700);

	memcpy(program.code, code, sizeof(code));
	victim_check(write(fd, &program, sizeof(program)) == sizeof(program) && !close(fd));
}

static void check(void)
{
	victim_check(!kill(child, 0));
}

int main(void)
{
	int status;

	write_program();
	child = fork();
	victim_check(child >= 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("program", "program", NULL);
		_exit(126);
	}
	usleep(200000);
	if (waitpid(child, &status, WNOHANG) == child)
		victim_unavailable("the kernel runs no 32-bit code");
	return victim_run(check);
}
