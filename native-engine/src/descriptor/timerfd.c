/* timerfd: the time that is left, the period, and expirations that have not been read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../common/proc.h"
#include "kinds.h"

struct timerfd_payload {
	uint32_t bytes; /* of this struct */
	int32_t clock;
	uint32_t settime_flags;
	uint32_t armed;
	uint64_t ticks;
	int64_t left_s, left_ns;         /* until it expires */
	int64_t period_s, period_ns;     /* 0: once */
	int64_t deadline_s, deadline_ns; /* CLOCK_REALTIME; only of an absolute timer on it */
};

#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t) /* linux/timerfd.h: clashes with fcntl.h */
#endif
#define NANOSECONDS 1000000000

static bool timerfd_claims(const struct descriptor_view *d)
{
	return !strcmp(d->link, "anon_inode:[timerfd]");
}

static bool on_wall_clock(const struct timerfd_payload *r)
{
	return r->settime_flags & TFD_TIMER_ABSTIME &&
	       (r->clock == CLOCK_REALTIME || r->clock == CLOCK_REALTIME_ALARM);
}

static void read_times(const char *fdinfo, const char *field, int64_t *seconds,
		int64_t *nanoseconds)
{
	const char *text = proc_field(fdinfo, field);
	long s = 0, ns = 0;

	if (text && sscanf(text, "(%ld, %ld)", &s, &ns) == 2) {
		*seconds = s;
		*nanoseconds = ns;
	}
}

static int timerfd_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			   struct buffer *payload)
{
	struct timerfd_payload r = { .bytes = sizeof(r) };
	struct timespec now;

	(void)c;
	(void)file_id;
	clock_gettime(CLOCK_REALTIME, &now);
	r.clock = proc_field_number(d->fdinfo, "clockid", 10, CLOCK_MONOTONIC);
	r.ticks = proc_field_number(d->fdinfo, "ticks", 10, 0);
	r.settime_flags = proc_field_number(d->fdinfo, "settime flags", 8, 0);
	read_times(d->fdinfo, "it_value", &r.left_s, &r.left_ns);
	read_times(d->fdinfo, "it_interval", &r.period_s, &r.period_ns);
	r.armed = r.left_s || r.left_ns;
	/*
	 * A periodic one that has expired is only restarted by the next read: it is armed all the
	 * same.
	 */
	if (!r.armed && r.ticks && (r.period_s || r.period_ns)) {
		r.armed = 1;
		r.left_s = r.period_s;
		r.left_ns = r.period_ns;
	}
	if (on_wall_clock(&r)) {
		r.deadline_s = now.tv_sec + r.left_s;
		r.deadline_ns = now.tv_nsec + r.left_ns;
		if (r.deadline_ns >= NANOSECONDS) {
			r.deadline_s++;
			r.deadline_ns -= NANOSECONDS;
		}
	}
	buffer_append(payload, &r, sizeof(r));
	return 0;
}

static int timerfd_restore(struct rebuilt_process *p, const struct file_record *f,
			   const void *payload, size_t bytes, int *fd)
{
	int flags = O_CLOEXEC | (f->flags & O_NONBLOCK);
	struct timerfd_payload r;

	(void)p;
	file_payload_head(payload, bytes, &r, sizeof(r));
	*fd = timerfd_create(r.clock, flags);
	/* The clocks that wake the machine need CAP_WAKE_ALARM: the same time without waking. */
	if (*fd < 0 && errno == EPERM && r.clock == CLOCK_REALTIME_ALARM)
		*fd = timerfd_create(CLOCK_REALTIME, flags);
	if (*fd < 0 && errno == EPERM && r.clock == CLOCK_BOOTTIME_ALARM)
		*fd = timerfd_create(CLOCK_BOOTTIME, flags);
	return *fd < 0 ? -errno : 0;
}

/* Armed when everything stands: the time of the restart itself does not count. */
static int timerfd_restore_last(struct rebuilt_process *p, const struct file_record *f,
				const void *payload, size_t bytes, int fd)
{
	struct itimerspec time = { 0 };
	struct timerfd_payload r;
	int flags = 0;

	(void)f;
	file_payload_head(payload, bytes, &r, sizeof(r));
	if (r.armed) {
		time.it_value.tv_sec = r.left_s;
		time.it_value.tv_nsec = r.left_ns;
		time.it_interval.tv_sec = r.period_s;
		time.it_interval.tv_nsec = r.period_ns;
		if (on_wall_clock(&r)) {
			time.it_value.tv_sec = r.deadline_s;
			time.it_value.tv_nsec = r.deadline_ns;
			flags = r.settime_flags & (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
		}
		if (timerfd_settime(fd, flags, &time, NULL))
			return fault_set(p->fault, errno, "internal", "timerfd: %s",
					strerror(errno));
	}
	/* Without CONFIG_CHECKPOINT_RESTORE an unread expiration is lost; the next one comes. */
	if (r.ticks)
		ioctl(fd, TFD_IOC_SET_TICKS, &r.ticks);
	return 0;
}

const struct file_kind_ops timerfd_kind = {
	.kind = FILE_TIMERFD,
	.name = "timerfd",
	.claims = timerfd_claims,
	.capture = timerfd_capture,
	.restore = timerfd_restore,
	.restore_last = timerfd_restore_last,
};
