/* Prints EXAMPLE_SERVER, again and again. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	for (;;) {
		const char *value = getenv("EXAMPLE_SERVER");

		printf("server %s\n", value ? value : "unknown");
		fflush(stdout);
		usleep(200000);
	}
}
