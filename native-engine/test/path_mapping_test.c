/* DMTCP_PATH_MAPPING: whole names, the first pair that fits, both ways, nothing that does not fit. */
#include <string.h>

#include "../src/common/path_mapping.h"
#include "check.h"

static void maps(const char *mapping, bool back, const char *from, const char *to)
{
	char path[PATH_MAX];
	bool changed;

	strcpy(path, from);
	changed = path_mapping_apply(mapping, back, path);
	CHECK(!strcmp(path, to), "'%s' of '%s' became '%s', not '%s'", from, mapping, path, to);
	CHECK(changed || !strcmp(from, to), "%s", from);
}

int main(void)
{
	const char *two = "/old:/new;/a/b:/c";
	char longest[PATH_MAX], same[PATH_MAX];

	maps(two, false, "/old", "/new");
	maps(two, false, "/old/x", "/new/x");
	maps(two, false, "/older/x", "/older/x");
	maps(two, false, "/a/b/c/d", "/c/c/d");
	maps(two, false, "relative", "relative");
	maps(two, true, "/new/x", "/old/x");
	maps(two, true, "/c", "/a/b");
	maps("/x:/1;/x:/2", false, "/x/f", "/1/f");
	maps("/old/:/new/", false, "/old/x", "/new/x");
	maps("/old:/", false, "/old/x", "/x");
	maps("/old:/", false, "/old", "/");
	maps("/old:/", true, "/x", "/old/x");
	maps("/:/root", false, "/x", "/root/x");
	maps("/:/root", false, "/", "/root");
	maps("", false, "/x", "/x");
	maps(NULL, false, "/x", "/x");
	maps(";;:;a;/x;:/y;/z:", false, "/x", "/x");
	maps(";;:;a;/x;:/y;/z:", true, "/y/1", "/y/1");

	/* One byte too long stays as it was. */
	memset(longest, 'l', sizeof(longest));
	memcpy(longest, "/a/", 3);
	longest[PATH_MAX - 1] = 0;
	strcpy(same, longest);
	CHECK(!path_mapping_apply("/a:/bc", false, longest), "too long");
	CHECK(!strcmp(longest, same), "too long, but changed");
	CHECK(path_mapping_apply("/a:/b", false, longest), "just fits");
	puts("ok");
	return 0;
}
