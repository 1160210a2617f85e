#include "path_mapping.h"

#include <stddef.h>
#include <string.h>

struct side {
	const char *text;
	size_t bytes;
};

/* Without the slashes at its end: "/data/" is "/data". */
static struct side cut(const char *text, size_t bytes)
{
	while (bytes > 1 && text[bytes - 1] == '/')
		bytes--;
	return (struct side){ text, bytes };
}

/* What of @path follows @prefix as a whole name; NULL: it is not below it. */
static const char *behind(const char *path, struct side prefix)
{
	if (!prefix.bytes || strncmp(path, prefix.text, prefix.bytes))
		return NULL;
	if (prefix.bytes == 1 && prefix.text[0] == '/')
		return path[1] ? path : path + 1;
	return path[prefix.bytes] == '/' || !path[prefix.bytes] ? path + prefix.bytes : NULL;
}

static bool replace(char *path, const char *rest, struct side by)
{
	size_t bytes = strlen(rest);

	if (by.bytes == 1 && by.text[0] == '/' && bytes)
		by.bytes = 0; /* the rest begins with it */
	if (by.bytes + bytes >= PATH_MAX)
		return false;
	memmove(path + by.bytes, rest, bytes + 1);
	memcpy(path, by.text, by.bytes);
	return true;
}

bool path_mapping_apply(const char *mapping, bool back, char *path)
{
	while (mapping && *mapping) {
		size_t bytes = strcspn(mapping, ";"), left = strcspn(mapping, ":;");

		if (left < bytes) {
			struct side old = cut(mapping, left);
			struct side new = cut(mapping + left + 1, bytes - left - 1);
			const char *rest = behind(path, back ? new : old);

			if (rest && old.bytes && new.bytes)
				return replace(path, rest, back ? old : new);
		}
		mapping += bytes + (mapping[bytes] == ';');
	}
	return false;
}
