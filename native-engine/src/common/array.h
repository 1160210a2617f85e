/* Growing arrays. */
#ifndef ARRAY_H
#define ARRAY_H

#include <stddef.h>

/*
 * Makes room for one more element in @list (NULL: none yet), which holds @count and has room for
 * *@capacity. Returns the list, perhaps moved; NULL without memory, and @list stays valid. What is
 * new is not initialised.
 */
void *array_grow(void *list, size_t count, size_t *capacity, size_t element_bytes);

#endif
