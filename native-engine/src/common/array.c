#include "array.h"

#include <stdint.h>
#include <stdlib.h>

#define FIRST_ELEMENTS 64

void *array_grow(void *list, size_t count, size_t *capacity, size_t element_bytes)
{
	size_t room = *capacity ? *capacity * 2 : FIRST_ELEMENTS;
	void *more;

	if (list && count < *capacity)
		return list;
	if (room > SIZE_MAX / element_bytes)
		return NULL;
	more = realloc(list, room * element_bytes);
	if (more)
		*capacity = room;
	return more;
}
