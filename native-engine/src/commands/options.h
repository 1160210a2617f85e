/* The command line: the rows of config's options.tsv, which also says what --help prints. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "../common/fault.h"

/*
 * Called for every option, with the first of its names without dashes (`coord-port`) and its value
 * or NULL. A negative result, with @fault, ends the reading.
 */
typedef int (*options_sink)(void *context, const char *name, const char *value,
			    struct fault *fault);

/*
 * Reads the options of @command (`launch`, `restart`, `coordinator`) from @argv[1] on, up to the first
 * argument that is none, or behind `--`. Returns its index. -EINVAL with fault bad-option.
 * `-h` without a value is `help`.
 */
int options_read(const char *command, int argc, char **argv, options_sink sink, void *context,
		 struct fault *fault);

/* Prints usage and every option; @usage is what follows the command's name. */
void options_help(const char *command, const char *usage, const char *about);
void options_version(const char *command);

/* A number from @low to @high, or -EINVAL with fault bad-option naming the option. */
int options_number(const char *name, const char *text, long low, long high, long *out,
		   struct fault *fault);

/* `1` yes, `0` no, absent @otherwise; for environment variables. */
bool options_environment_flag(const char *name, bool otherwise);

#endif
