/* How the commands tell of a failure, and the status they end with. */
#include "fail.h"

#include <stdio.h>
#include <stdlib.h>

int fail_code(void)
{
	const char *text = getenv("DMTCP_FAIL_RC");
	char *end;
	long code;

	if (!text || !*text)
		return EXIT_FAIL;
	code = strtol(text, &end, 10);
	return *end || code < 1 || code > 255 ? EXIT_FAIL : (int)code;
}

void fail_print(const char *command, const struct fault *fault)
{
	const char *remedy = fault_remedy(fault->id);

	fprintf(stderr, "%s: error: %s [%s]\n", command, fault->text, fault->id);
	if (remedy && *remedy)
		fprintf(stderr, "    %s\n", remedy);
}
