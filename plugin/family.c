/* A program of three processes. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int children = 2;

	while (children && fork())
		children--;
	if (children) /* a child */
		for (;;)
			pause();
	for (int i = 1;; i++) {
		sleep(1);
		printf("tick %d\n", i);
		fflush(stdout);
	}
}
