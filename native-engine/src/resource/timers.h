/* Interval timers and POSIX timers. */
#ifndef TIMERS_H
#define TIMERS_H

#include <signal.h>

#include "resource.h"

/*
 * True when pending signal @info is that of a periodic timer of the image: the restored timer
 * raises it anew, as its own, and is re-armed when it is taken.
 */
bool posix_timer_sends_again(const struct buffer *records, const siginfo_t *info);

extern const struct resource resource_timers;

#endif
