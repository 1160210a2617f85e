/*
 * Names of pseudo terminals at a restart: the N of /dev/pts/N that programs remember (ttyname(3),
 * $TTY, tables of their own).
 *
 * The restored processes get a devpts of their own, in which every number is free, so that each of
 * their own terminals has the number that it had. Terminals from outside have become one, which
 * dmtcp_restart provides: it answers at all the names that they had.
 */
#ifndef PTY_NAMES_H
#define PTY_NAMES_H

#include "../restart/rebuild.h"
#include "file_index.h"

/* Has a program of the images the master of a terminal of this number? */
bool pty_number_in_images(struct image_reader *const *images, size_t count, int number);

/*
 * In process 1, before any file is opened. Where the kernel allows no devpts the host's stays, in
 * which a number may be taken: then the terminal has another one.
 */
void pty_names_prepare(struct rebuild *r);

/* A new master, of this number if it is free. -errno. */
int pty_open_master(int number, int flags);

int pty_master_number(const struct file_view *f); /* pty_master.c */
/* By which number a terminal from outside was opened, -1: by none. terminal.c */
int terminal_number(const struct file_view *f);

#endif
