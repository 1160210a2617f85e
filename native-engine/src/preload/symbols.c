/* dmtcp_dlsym() and its kin: looking past the library that asks. */
#include "dmtcp.h"

#include <link.h>
#include <string.h>

/* Not calls: with RTLD_NEXT dlsym(3) looks at who has called it. */
asm(".globl dmtcp_dlsym\n"
    ".type dmtcp_dlsym, @function\n"
    "dmtcp_dlsym:\n"
    "	jmp dlsym@PLT\n"
    ".weak dlvsym\n" /* musl has none, and refuses a library that misses something */
    ".globl dmtcp_dlvsym\n"
    ".type dmtcp_dlvsym, @function\n"
    "dmtcp_dlvsym:\n"
    "	jmp dlvsym@PLT\n");

struct search {
	const char *library;
	char path[4096];
	uint64_t base;
};

static int look(struct dl_phdr_info *info, size_t bytes, void *context)
{
	struct search *s = context;

	(void)bytes;
	if (!info->dlpi_name || !strstr(info->dlpi_name, s->library) ||
	    strlen(info->dlpi_name) >= sizeof(s->path))
		return 0;
	strcpy(s->path, info->dlpi_name);
	s->base = info->dlpi_addr;
	return 1;
}

static void *find(struct search *s, const char *symbol)
{
	void *handle, *found;

	if (!dl_iterate_phdr(look, s))
		return NULL;
	handle = dlopen(s->path, RTLD_LAZY | RTLD_NOLOAD);
	found = handle ? dlsym(handle, symbol) : NULL;
	if (handle)
		dlclose(handle); /* it stays: somebody else has loaded it */
	return found;
}

void *dmtcp_dlsym_lib(const char *library, const char *symbol)
{
	struct search s = { .library = library };

	return find(&s, symbol);
}

uint64_t dmtcp_dlsym_lib_fnc_offset(const char *library, const char *symbol)
{
	struct search s = { .library = library };
	void *found = find(&s, symbol);

	return found ? (uint64_t)(uintptr_t)found - s.base : (uint64_t)-1;
}
