/* Words about how far something is: drawn again and again on a terminal, few lines elsewhere. */
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../src/commands/progress.h"
#include "check.h"

/* What standard error took while @line told of half the work @times times, and ended. */
static void told(int error_fd, int read_fd, int times, char *text, size_t bytes)
{
	int before = dup(STDERR_FILENO);
	struct progress_line line;
	ssize_t n;

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
	n = read(read_fd, text, bytes - 1);
	text[n < 0 ? 0 : n] = '\0';
}

int main(void)
{
	static const char words[] = "Restart: memory, 512.0 MiB of 2.0 GiB, 512.0 MiB/s, 3 s left; sleep[7]";
	char text[4096], wanted[1024];
	int master, slave, ends[2];

	CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	told(slave, master, 2, text, sizeof(text));
	snprintf(wanted, sizeof(wanted),
		 "\r\033[?7l%s\033[K\033[?7h\r\033[?7l%s\033[K\033[?7h\r\033[K", words, words);
	CHECK(strcmp(text, wanted) == 0);

	CHECK(pipe(ends) == 0);
	told(ends[1], ends[0], 1, text, sizeof(text));
	snprintf(wanted, sizeof(wanted), "%s\n", words);
	CHECK(strcmp(text, wanted) == 0, "%s", text);
	printf("ok\n");
	return 0;
}
