/* Opens the file given as its argument again and again, and prints its first line. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	while (argc > 1) {
		char text[256] = "";
		int fd = open(argv[1], O_RDONLY);

		if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
			text[0] = 0;
		if (fd >= 0)
			close(fd);
		printf("file %.*s\n", (int)strcspn(text, "\n"), fd < 0 ? "is not there" : text);
		fflush(stdout);
		usleep(200000);
	}
	return 1;
}
