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

/*
 * Reads one option: `--name`, `--name=value`, `--name value`, `-pN`, `-p N`. Returns how many arguments
 * it took, 0 when @command has no such option. -EINVAL with fault bad-option.
 */
int options_try(const char *command, const char *option, const char *next, options_sink sink,
		void *context, struct fault *fault);

/* Prints usage, every option, variable and exit status of a command, as config's tables have them. */
void options_help(const char *command);
void options_version(const char *command);

/* A number from @low to @high, or -EINVAL with fault bad-option naming the option. */
int options_number(const char *name, const char *text, long low, long high, long *out,
		   struct fault *fault);

/* The variables that switch parts on and off must be 0 or 1: -EINVAL with fault bad-option. */
int options_check_switches(const char *command, struct fault *fault);

/* `1` yes, `0` no, absent @otherwise; for environment variables. */
bool options_environment_flag(const char *name, bool otherwise);

/* The JSON name (`DMT_STATUS`) of a command to the coordinator, without dashes; NULL: there is none. */
const char *options_verb(const char *word);

#endif
