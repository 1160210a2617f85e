/* Starting what goes on in the background: a coordinator, an agent. */
#ifndef START_COMMAND_H
#define START_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/fault.h"

#define START_MS 90000 /* a JVM on a loaded machine */

void start_pause_ms(unsigned int ms);

/*
 * Runs a command that puts itself into the background, until it has; at most START_MS. @arguments
 * begin with the file and end with NULL. The fault is the command's own where it has told one,
 * else coordinator-start, with what it wrote to its standard error and @what it was.
 */
int start_command_run(const char *const *arguments, const char *what, struct fault *fault);

/*
 * The end of what a start that failed has written to its log @path, to our standard error. True: there
 * was an error with its id among it. Else its first @bytes are in @words (may be NULL), in one line.
 */
bool start_print_log(const char *path, char *words, size_t bytes);

/*
 * One start at a time: who comes second finds what the first has started. Returns a descriptor on
 * `<directory>/<name>.lock`, for start_command_unlock(), which leaves no file behind.
 */
int start_command_lock(const char *directory, const char *name, struct fault *fault);
void start_command_unlock(const char *directory, const char *name, int lock);

#endif
