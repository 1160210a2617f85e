/*
 * victim: mapped memfds: twice, in parts, read-only, with its descriptor closed, sealed
 * category: memory
 */
#include "mapping.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE)
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

static char *whole, *part, *reading, *private, *sealed;
static int sealed_fd;

static void check(void)
{
	static uint64_t round;
	struct mapping_shown m;

	round++;
	mapping_fill(whole, 5, round);
	victim_check(!memcmp(part + 2 * PAGE, whole + 5 * PAGE, PAGE)); /* part starts at page 3 */
	victim_check(!memcmp(reading + 5 * PAGE, whole + 5 * PAGE, PAGE));
	for (size_t i = 0; i < 16; i++)
		if (i != 5)
			victim_check(i % 3 ? mapping_is_zero(whole, i) :
					     mapping_holds(whole, i, 1));
	victim_check(mapping_holds(private, 3, 1) && mapping_holds(private, 6, 2));
	victim_check(mapping_is_zero(private, 9)); /* zeroed here, not in the memfd */
	victim_check(mprotect(reading, PAGE, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	victim_check(mapping_show(whole, &m) && !strcmp(m.path, "/memfd:a name (deleted)"));
	victim_check(mapping_fault(whole + 15 * PAGE) == 0);
	victim_check(mapping_fault(whole + 16 * PAGE) == SIGBUS); /* behind the end */
	sealed[1] = (char)round;
	victim_check(fcntl(sealed_fd, F_GET_SEALS) == SEALS);
	victim_check(pwrite(sealed_fd, "x", 1, 0) < 0 && errno == EPERM);
	victim_check(mapping_holds(sealed, 1, 4));
}

int main(void)
{
	int fd = memfd_create("a name", MFD_CLOEXEC), again;
	char path[64];

	victim_check(fd >= 0 && ftruncate(fd, 16 * PAGE) == 0);
	whole = mapping_at(NULL, 20 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	part = mapping_at(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 3 * PAGE);
	private = mapping_at(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY);
	victim_check(again >= 0);
	reading = mapping_at(NULL, 16 * PAGE, PROT_READ, MAP_SHARED, again, 0);
	close(again);
	close(fd);
	for (size_t i = 0; i < 16; i += 3)
		mapping_fill(whole, i, 1);
	mapping_fill(private, 6, 2);
	memset(private + 9 * PAGE, 0, PAGE);
	sealed_fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	victim_check(sealed_fd >= 0 && ftruncate(sealed_fd, 2 * PAGE) == 0);
	sealed = mapping_at(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, sealed_fd, 0);
	mapping_fill(sealed, 1, 4);
	victim_check(fcntl(sealed_fd, F_ADD_SEALS, SEALS) == 0);
	return victim_run(check);
}
