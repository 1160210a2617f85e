#include "thread_resume.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "area.h"
#include "plugins.h"

#define ROOM_BYTES (128u << 10)
#define GUARD_BYTES 4096
#define LIMIT_MS 70000 /* longer than the builder has for the threads of all processes */

/* At the top of a room, above the stack that a hook runs on: the thread's own may be a small one. */
static struct plugin_resume_report *report_of(uint64_t room)
{
	return (struct plugin_resume_report *)(room + ROOM_BYTES) - 1;
}

static struct plugin_resume_report *own_report(void)
{
	const struct plugin_resume *r = &plugin_area.resume;
	uint64_t here = (uintptr_t)__builtin_frame_address(0);

	if (!r->rooms || here < r->rooms || here - r->rooms >= (uint64_t)r->count * ROOM_BYTES)
		return NULL;
	return report_of(r->rooms + (here - r->rooms) / ROOM_BYTES * ROOM_BYTES);
}

/* The builder gives the thread its registers back. */
static void __attribute__((noreturn)) finish(struct plugin_resume_report *report)
{
	__atomic_store_n(&report->done, 1, __ATOMIC_SEQ_CST);
	for (;;)
		syscall(SYS_pause);
}

static void __attribute__((noreturn)) enter(struct plugin_resume_report *report)
{
	plugins_raise(DMTCP_EVENT_THREAD_RESUME, NULL);
	finish(report);
}

bool thread_resume_is_here(void)
{
	return own_report() != NULL;
}

void thread_resume_leave(const char *why)
{
	struct plugin_resume_report *report = own_report();

	snprintf(report->failure, sizeof(report->failure), "%s", why);
	finish(report);
}

static uint32_t count_threads(void)
{
	DIR *directory = opendir("/proc/self/task");
	uint32_t count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

void thread_resume_prepare(void)
{
	struct plugin_resume *r = &plugin_area.resume;
	char *rooms;

	memset(r, 0, sizeof(*r));
	if (!plugins_count())
		return;
	r->count = count_threads();
	rooms = mmap(NULL, (size_t)r->count * ROOM_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (rooms == MAP_FAILED)
		return;
	for (uint32_t i = 0; i < r->count; i++)
		mprotect(rooms + (size_t)i * ROOM_BYTES, GUARD_BYTES, PROT_NONE);
	r->room_bytes = ROOM_BYTES;
	r->entry = (uintptr_t)enter;
	r->rooms = (uintptr_t)rooms;
}

void thread_resume_finish(void)
{
	struct plugin_resume *r = &plugin_area.resume;
	const struct timespec look = { .tv_nsec = 500000 };
	uint64_t deadline = monotonic_ms() + LIMIT_MS;
	char *rooms = (char *)(uintptr_t)r->rooms;

	if (!rooms)
		return;
	while (!__atomic_load_n(&r->done, __ATOMIC_SEQ_CST)) {
		if (monotonic_ms() >= deadline)
			return; /* some thread may still be there */
		nanosleep(&look, NULL);
	}
	r->rooms = 0;
	munmap(rooms, (size_t)r->count * ROOM_BYTES);
}
