/*
 * The code of the libraries that every program has, compressed when the tree was built: better than
 * there is time for at a checkpoint. Found by its bytes, so a library that has been replaced since
 * is compressed as any other.
 *
 * File: struct header, then entries and what they hold, under one checksum.
 */
#ifndef CODE_STORE_H
#define CODE_STORE_H

#include <stddef.h>

#include "../common/fault.h"

/* Puts the code of @files, programs or libraries, into a new file that replaces @path. */
int code_store_make(const char *path, char *const files[], size_t count, struct fault *fault);

/*
 * Gives all that is in @path to the cache of code, once in a program's life. A file that is missing
 * or damaged is passed over: nothing depends on it but time.
 */
void code_store_load(const char *path);
/* The store of the tree that this program is part of. */
void code_store_load_own(void);

#endif
