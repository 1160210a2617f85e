/* What plugins say about the image that is about to be made: hooks that they may define. */
#ifndef CHOICES_H
#define CHOICES_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a plugin defines one of them. */
bool choices_defined(void);

/*
 * Asks them all, in the helper thread, and leaves the answers in the plugin area. false: @failure tells
 * which one failed.
 */
bool choices_ask(unsigned int limit_ms, char *failure, size_t bytes);

/* dmtcp_get_new_file_path() for every open file; after a restart. As choices_ask(). */
bool choices_move_files(unsigned int limit_ms, char *failure, size_t bytes);

#endif
