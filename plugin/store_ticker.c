/* Publishes something again and again, and says whether it could: the coordinator may come and go. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dmtcp.h"

int main(void)
{
	char value[32] = "", before[32] = "";

	for (int i = 1;; i++) {
		snprintf(value, sizeof(value), "%d", i);
		if (dmtcp_is_enabled() && !dmtcp_kvdb_set("ticker", "now", value))
			puts(!dmtcp_kvdb_get("ticker", "now", before, sizeof(before)) &&
			     !strcmp(value, before) ? "stored" : "wrong");
		else
			puts("refused");
		fflush(stdout);
		usleep(100000);
	}
}
