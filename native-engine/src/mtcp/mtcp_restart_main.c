/* mtcp_restart IMAGE: dmtcp_restart for the image of a program that checkpoints itself. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../commands/fail.h"
#include "../commands/runtime_paths.h"

static const char usage[] = "Usage: mtcp_restart IMAGE\n"
			    "       mtcp_restart --simulate IMAGE\n"
			    "Restarts the program that wrote IMAGE with mtcp.h. With --simulate: "
			    "shows what is in it instead\n"
			    "(dmtcp_inspect). The exit status is that of the program.\n";

static int become(const char *command, char **arguments)
{
	char tree[PATH_MAX], path[PATH_MAX + 64];

	if (runtime_tree(tree, sizeof(tree)) < 0)
		strcpy(tree, ".");
	snprintf(path, sizeof(path), "%s/bin/%s", tree, command);
	execv(path, arguments);
	fprintf(stderr, "mtcp_restart: %s: %s\n", path, strerror(errno));
	return fail_code();
}

int main(int argc, char **argv)
{
	char *restart[] = { "dmtcp_restart", "--no-coordinator", "--image", NULL, NULL };
	char *inspect[] = { "dmtcp_inspect", NULL, NULL };

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return EXIT_DONE;
	}
	if (argc == 3 && !strcmp(argv[1], "--simulate")) {
		inspect[1] = argv[2];
		return become("dmtcp_inspect", inspect);
	}
	if (argc != 2 || argv[1][0] == '-') {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	restart[3] = argv[1];
	return become("dmtcp_restart", restart);
}
