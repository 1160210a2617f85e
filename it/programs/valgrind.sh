# program: a program under valgrind
# needs: valgrind gcc
cat >leaks.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
int main(void)
{
	const struct timespec pause = { .tv_nsec = 30000000 };
	char **kept = NULL;
	int n = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (access("finish", F_OK)) {
		kept = realloc(kept, (n + 1) * sizeof(*kept));
		kept[n] = malloc(100 + n);
		memset(kept[n], n, 100 + n);
		if (kept[n / 2][99] != (char)(n / 2)) {
			printf("bad: %d\n", n);
			return 1;
		}
		nanosleep(&pause, NULL);
		printf("tick %d\n", ++n);
	}
	for (int i = 0; i < n; i++)
		free(kept[i]);
	free(kept);
	puts("ok");
	return 3;
}
C
gcc -g -o leaks leaks.c && exec valgrind -q --leak-check=full --error-exitcode=9 ./leaks
