/* The program that dmtcp_launch is to become. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "../common/fault.h"

/*
 * Finds @name as execvp(3) would and checks that it can be executed, before anything is started or
 * registered. Faults program-missing, program-not-executable, inside-computation (a command that
 * must not run there). @path gets the file.
 */
int program_find(const char *name, char *path, size_t bytes, struct fault *fault);

/* Base name of what /proc/PID/exe will show: the interpreter of a script. */
void program_name(const char *path, char *out, size_t bytes);

/* Linked statically: nothing can be loaded into it. false, too, when that cannot be seen. */
bool program_is_static(const char *path);

#endif
