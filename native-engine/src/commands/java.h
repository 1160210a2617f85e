/* The Java that runs the coordinator. */
#ifndef JAVA_H
#define JAVA_H

#include <stddef.h>

#include "../common/fault.h"

struct java_command {
	char *file;       /* to execute */
	char **arguments; /* the first is the name that it shows in process lists; ends with NULL */
	size_t count;
};

/*
 * The command line that runs @main_class with the jars of @tree (lib/java, sorted, so that the archive of
 * loaded classes made at build fits) and @arguments; process lists show @name. Faults java-missing, not-built, out-of-memory.
 */
int java_command_make(struct java_command *out, const char *name, const char *tree,
		      const char *main_class, char *const *arguments, struct fault *fault);
void java_command_free(struct java_command *c);

#endif
