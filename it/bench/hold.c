/*
 * A program of a given size for the benchmarks: holds memory, threads, files or mappings, and appends
 * `COUNT MAX_GAP_US` to its status file about every 200 us, in lines of one length. The gap is the longest time between two
 * turns of its loop since SIGUSR1 last cleared it: what a checkpoint costs the program.
 *
 * usage: hold STATUS_FILE [memory MIB random|text] [threads N] [files N] [mappings N]
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t clear_gap;

static void on_clear(int signal_number)
{
	(void)signal_number;
	clear_gap = 1;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void hold_memory(size_t mib, int random)
{
	size_t words = (mib << 20) / sizeof(uint64_t);
	uint64_t *memory = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t state = 88172645463325252ull;

	if (memory == MAP_FAILED)
		fail("mmap");
	for (size_t i = 0; i < words; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		/* text: a slowly changing pattern that compresses about as a sparse matrix does */
		memory[i] = random ? state : 0x2020202020202020ull + (i >> 9) + (i % 7 == 0);
	}
}

static void *sleep_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void hold_threads(int count)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 << 10);
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, &attributes, sleep_for_ever, NULL))
			fail("pthread_create");
}

static void hold_files(int count)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < count; i++)
		if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0)
			fail("open");
}

static void hold_mappings(int count)
{
	char *memory = mmap(NULL, (size_t)count * 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	for (int i = 0; i < count; i++) { /* every second page is its own mapping */
		memory[(size_t)i * 4096] = i;
		if (i % 2 && mprotect(memory + (size_t)i * 4096, 4096, PROT_READ))
			fail("mprotect");
	}
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_clear, .sa_flags = SA_RESTART };
	struct timespec turn = { .tv_nsec = 200 * 1000 };
	uint64_t count = 0, gap = 0, last;
	char line[64];
	int status;

	if (argc < 2)
		return 2;
	status = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (status < 0)
		fail(argv[1]);
	for (int i = 2; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "memory") && i + 2 < argc) {
			hold_memory(strtoul(argv[i + 1], NULL, 10), !strcmp(argv[i + 2], "random"));
			i++;
		} else if (!strcmp(argv[i], "threads")) {
			hold_threads(atoi(argv[i + 1]));
		} else if (!strcmp(argv[i], "files")) {
			hold_files(atoi(argv[i + 1]));
		} else if (!strcmp(argv[i], "mappings")) {
			hold_mappings(atoi(argv[i + 1]));
		} else {
			return 2;
		}
	}
	sigaction(SIGUSR1, &action, NULL);
	for (last = now_us();;) {
		uint64_t now;
		int bytes;

		nanosleep(&turn, NULL);
		now = now_us();
		if (clear_gap)
			clear_gap = gap = 0;
		else if (now > last && now - last > gap)
			gap = now - last;
		last = now;
		bytes = snprintf(line, sizeof(line), "%020llu %020llu\n",
				 (unsigned long long)++count, (unsigned long long)gap);
		if (write(status, line, bytes) != bytes)
			fail("write");
	}
}
