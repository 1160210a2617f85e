/* Why something could not be done, in words for the user. */
#ifndef FAULT_H
#define FAULT_H

#define FAULT_ID_BYTES 40
#define FAULT_TEXT_BYTES 640

/*
 * One reported failure. The id is one of config's errors.tsv (stable, listed in docs/errors.md); the
 * text names the process, the object and the reason. The remedy comes from the table.
 */
struct fault {
	char id[FAULT_ID_BYTES];
	char text[FAULT_TEXT_BYTES];
};

/*
 * Fills *@fault unless it already holds a failure (the first error is the news) and returns
 * -@error, so that `return fault_set(fault, EACCES, "image-unreadable", "%s: ...", path);` works.
 * @fault may be NULL. @error is a positive errno, never 0.
 */
int fault_set(struct fault *fault, int error, const char *id, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Control characters of @text become '?': names of files and programs may hold any, and a terminal
 * must not obey them, nor a script see two lines for one. fault_set() does so itself.
 */
void fault_plain(char *text);

/* What the user can do about failure @id: the remedy column of errors.tsv; "" when unknown. */
const char *fault_remedy(const char *id);

#endif
