/* TCP memory is short from the second figure of tcp_mem on, and only where both can be read. */
#include <stdbool.h>
#include <string.h>

#include "../src/descriptor/tcp_info.h"
#include "check.h"

static FILE *text(const char *content)
{
	FILE *f = content ? fmemopen((void *)content, strlen(content), "r") : NULL;

	CHECK(f || !content);
	return f;
}

static void is_short(bool wanted, const char *limits, const char *now)
{
	FILE *a = text(limits), *b = text(now);

	CHECK(tcp_memory_exceeds(a, b) == wanted, "'%s', '%s'", limits ? limits : "", now ? now : "");
	if (a)
		fclose(a);
	if (b)
		fclose(b);
}

#define SOCKSTAT(pages) \
	"sockets: used 300\n" \
	"TCP: inuse 27 orphan 1 tw 4 alloc 42 mem " pages "\n" \
	"UDP: inuse 6 mem 900000\n" \
	"FRAG: inuse 0 memory 900000\n"

int main(void)
{
	const char *limits = "287901\t383868\t575802\n";

	is_short(false, limits, SOCKSTAT("0"));
	is_short(false, limits, SOCKSTAT("383867"));
	is_short(true, limits, SOCKSTAT("383868"));
	is_short(true, limits, SOCKSTAT("575803"));
	is_short(false, limits, "sockets: used 300\n");
	is_short(false, "none", SOCKSTAT("383868"));
	is_short(false, NULL, SOCKSTAT("383868"));
	is_short(false, limits, NULL);
	puts("ok");
	return 0;
}
