/*
 * Entries of an epoll: what does it watch under a number? kcmp(2) tells, but walks through all
 * entries for each: too slow for thousands (ep_find_tfd() in fs/eventpoll.c).
 */
#ifndef EPOLL_CHECK_H
#define EPOLL_CHECK_H

#include "../trace/process.h"

/*
 * Sets @right[n] where the epoll @epoll of @p, which stands still, watches under @numbers[n] what is
 * open there now. Where it does not, or nothing could be found out, @right[n] stays as it is.
 */
void epoll_check(const struct process *p, int epoll, const int *numbers, size_t count, bool *right);

#endif
