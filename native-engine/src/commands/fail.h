/* How the commands tell of a failure, and the status they end with. */
#ifndef FAIL_H
#define FAIL_H

#include <signal.h>
#include <stdbool.h>

#include "../common/fault.h"

/* The rows of config's exit_codes.tsv; append only. */
enum exit_code {
#include "exit_codes.h"
};

/* 99, or what DMTCP_FAIL_RC says (1 to 255). */
int fail_code(void);

/*
 * How much may be said: 0 all, 1 no notes, 2 no warnings. DMTCP_LOG_LEVEL is stronger than @quiet, the
 * number of --quiet or of DMTCP_QUIET.
 */
int fail_quiet(int quiet);
/* DMTCP_QUIET as a number; 0 when it is none. */
int fail_quiet_environment(void);

/* From now on errors and warnings are JSON objects, a line each. */
void fail_as_json(void);

/* `<command>: error: <text> [<id>]` and the remedy, on standard error and in DMTCP_LOG_FILE. */
void fail_print(const char *command, const struct fault *fault);
/*
 * The other way round: what such a line says, of a command that has ended. False: there is none.
 */
bool fail_read(const char *printed, struct fault *fault);
void fail_warn(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What is no failure, and has no place in the log. */
void fail_note(const char *command, const char *text);

/*
 * Around words on standard error: who reads it may have gone, and neither a restart nor a program is to
 * end by SIGPIPE because of our words.
 */
void fail_hold_pipe(sigset_t *before);
void fail_release_pipe(const sigset_t *before);

/* The end of a command that has failed: fail_code(), unless the environment asks for a debugger. */
int fail_end(void);

/*
 * To be called first: standard descriptors that are closed would be taken by our files and sockets,
 * and then pass for the user's. With @keep a program that is executed finds them open on /dev/null.
 * JALIB_STDERR_PATH takes the place of standard error in what we say.
 */
void fail_prepare(bool keep);

/* Before an exec: JALIB_STDERR_PATH, where there is one, becomes standard error. */
void fail_redirect(void);

/* Writes out standard output. EXIT_DONE, or @status after a word about what could not be written. */
int fail_flush(const char *command, int status);

#endif
