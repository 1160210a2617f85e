/* A program for the wrappers of sleep(3), and for anything that needs one that runs. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	for (int i = 1;; i++) {
		sleep(1);
		printf("tick %d\n", i);
		fflush(stdout);
	}
}
