/* timerfd: the time that is left, the period, and expirations that have not been read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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

/*
 * Expirations of a periodic timer are counted when somebody looks: timerfd_gettime(2) adds those that
 * have passed to what a read will tell, and starts the next period (do_timerfd_gettime in
 * fs/timerfd.c). Only then does fdinfo have them all.
 */
static int count_expirations(const struct descriptor_view *d, struct itimerspec *time,
			     uint64_t *ticks)
{
	char name[40], *fdinfo;
	int ret;

	if (timerfd_gettime(d->borrowed, time))
		return -errno;
	snprintf(name, sizeof(name), "self/fdinfo/%d", d->borrowed);
	ret = proc_read_text(0, name, &fdinfo, NULL);
	if (ret)
		return ret;
	*ticks = proc_field_number(fdinfo, "ticks", 10, 0);
	free(fdinfo);
	return 0;
}

static int timerfd_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			   struct buffer *payload)
{
	struct timerfd_payload r = { .bytes = sizeof(r) };
	struct itimerspec time;
	struct timespec now;
	int ret = count_expirations(d, &time, &r.ticks);

	(void)file_id;
	if (ret)
		return fault_set(c->fault, -ret, "internal", "process %d: descriptor %d (%s): %s",
				 c->process->virtual_pid, d->number, d->link, strerror(-ret));
	clock_gettime(CLOCK_REALTIME, &now);
	r.clock = proc_field_number(d->fdinfo, "clockid", 10, CLOCK_MONOTONIC);
	r.settime_flags = proc_field_number(d->fdinfo, "settime flags", 8, 0);
	r.left_s = time.it_value.tv_sec;
	r.left_ns = time.it_value.tv_nsec;
	r.period_s = time.it_interval.tv_sec;
	r.period_ns = time.it_interval.tv_nsec;
	r.armed = r.left_s || r.left_ns;
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

/* Absolute on a clock that goes on where it stood: /proc shows whether it is. */
static void from_now(const struct timerfd_payload *r, struct timespec *value)
{
	bool boottime = r->clock == CLOCK_BOOTTIME || r->clock == CLOCK_BOOTTIME_ALARM;
	struct timespec now;

	clock_gettime(boottime ? CLOCK_BOOTTIME : CLOCK_MONOTONIC, &now);
	value->tv_sec += now.tv_sec;
	value->tv_nsec += now.tv_nsec;
	if (value->tv_nsec >= NANOSECONDS) {
		value->tv_sec++;
		value->tv_nsec -= NANOSECONDS;
	}
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
		} else if (r.settime_flags & TFD_TIMER_ABSTIME) {
			from_now(&r, &time.it_value);
			flags = TFD_TIMER_ABSTIME;
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
