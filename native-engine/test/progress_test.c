/* Words about how far something is: drawn again and again on a terminal, few lines elsewhere. */
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../src/commands/progress.h"
#include "check.h"

/* A terminal hands over what was written to it in parts. */
static void read_all(int fd, char *text, size_t bytes)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t got = 0;
	ssize_t n;

	while (got < bytes && poll(&ready, 1, 10000) > 0 &&
	       (n = read(fd, text + got, bytes - got)) > 0)
		got += n;
	text[got] = '\0';
}

/*
 * Standard error, on @error_fd, takes what is told of a quarter of some work @times times, and of
 * its end: is it @wanted?
 */
static void check_told(int error_fd, int read_fd, int times, const char *wanted)
{
	int before = dup(STDERR_FILENO);
	struct progress_line line;
	char text[1024];

	dup2(error_fd, STDERR_FILENO);
	progress_begin(&line);
	progress_tell(&line, "Restart: memory", 1, 2, 0, ""); /* too early for any word */
	for (int i = 0; i < times; i++) {
		line.next_ms = 0;
		progress_tell(&line, "Restart: memory", 512ull << 20, 2048ull << 20, 1000,
			      "sleep[7]");
	}
	progress_end(&line);
	dup2(before, STDERR_FILENO);
	close(before);
	CHECK(write(error_fd, "|", 1) == 1);
	read_all(read_fd, text, strlen(wanted) + 1);
	CHECK(!strncmp(text, wanted, strlen(wanted)) && !strcmp(text + strlen(wanted), "|"), "%s",
	      text);
}

int main(void)
{
	static const char words[] = "Restart: memory, 512.0 MiB of 2.0 GiB, 512.0 MiB/s, 3 s left; sleep[7]";
	char wanted[1024];
	int master, slave, ends[2];

	CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	snprintf(wanted, sizeof(wanted),
		 "\r\033[?7l%s\033[K\033[?7h\r\033[?7l%s\033[K\033[?7h\r\033[K", words, words);
	check_told(slave, master, 2, wanted);

	CHECK(pipe(ends) == 0);
	snprintf(wanted, sizeof(wanted), "%s\n", words);
	check_told(ends[1], ends[0], 1, wanted);
	printf("ok\n");
	return 0;
}
