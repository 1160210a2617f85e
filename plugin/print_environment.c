/* Prints variables of its environment, EXAMPLE_SERVER or those that it is given, again and again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Each on one line. */
static void print(const char *name)
{
	const char *value = getenv(name);

	printf("%s ", name);
	if (!value)
		printf("unset");
	for (; value && *value; value++)
		printf(*value < ' ' ? "<%d>" : "%c", *value);
	putchar('\n');
}

int main(int argc, char **argv)
{
	for (;;) {
		const char *value = getenv("EXAMPLE_SERVER");

		if (argc < 2)
			printf("server %s\n", value ? value : "unknown");
		for (int i = 1; i < argc; i++)
			print(argv[i]);
		fflush(stdout);
		usleep(200000);
	}
}
