#include "output.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../common/proc.h"
#include "../resource/resource.h"

static void sleep_us(unsigned int us)
{
	struct timespec t = { 0, us * 1000l };

	nanosleep(&t, NULL);
}

/* Cut where it is too long; the rest of @to stays zero. */
static void text(char *to, size_t capacity, const char *from)
{
	memcpy(to, from, strnlen(from, capacity - 1));
}

static void fill_header(struct image_header *h, const struct round *round, const struct process *p,
			const struct output_options *options)
{
	char executable[4096];
	struct proc_stat stat;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	memset(h, 0, sizeof(*h));
	h->members = options->members;
	h->virtual_pid = p->virtual_pid;
	h->generation = round->generation;
	h->created_ns = now.tv_sec * 1000000000ull + now.tv_nsec;
	text(h->computation_id, sizeof(h->computation_id), round->computation_id);
	text(h->unique_pid, sizeof(h->unique_pid), options->unique_pid);
	text(h->manifest_id, sizeof(h->manifest_id), round->manifest_id);
	gethostname(h->host, sizeof(h->host) - 1);
	if (proc_read_link(p->live_tid, "exe", executable, sizeof(executable)) > 0) {
		const char *base = strrchr(executable, '/');

		text(h->program, sizeof(h->program), base ? base + 1 : executable);
	} else if (!proc_stat(p->pid, &stat)) {
		text(h->program, sizeof(h->program), stat.comm);
	}
	h->options = options->options;
}

static int capture_all(struct capture *c)
{
	for (size_t i = 0; resource_table[i]; i++) {
		int ret;

		if (!resource_table[i]->capture ||
		    (c->process->zombie && !resource_table[i]->zombies))
			continue;
		ret = resource_table[i]->capture(c);
		if (ret < 0)
			return fault_set(c->fault, -ret, "internal", "process %d: %s: %s",
					 c->process->pid, resource_table[i]->name, strerror(-ret));
	}
	if (c->records->failed)
		return fault_set(c->fault, ENOMEM, "out-of-memory", "process %d: no memory for its "
				 "metadata", c->process->pid);
	return 0;
}

static int unmap_shared(struct output *o, bool at_once, struct fault *fault)
{
	const struct snapshot_unmap *u = (const struct snapshot_unmap *)o->unmaps.data;
	int ret = 0;

	if (o->unmaps.failed)
		return fault_set(fault, ENOMEM, "out-of-memory", "process %d: no memory", o->pid);
	for (size_t i = 0; i < o->unmaps.bytes / sizeof(*u) && !ret; i++)
		if (u[i].at_once == at_once)
			ret = twin_unmap(&o->twin, u[i].start, u[i].end, fault);
	return ret;
}

int output_settle(struct output *o, struct fault *fault)
{
	int ret;

	if (!o->twin.pid || o->twin.settled)
		return 0;
	ret = twin_settle(&o->twin, fault);
	return ret ? ret : unmap_shared(o, false, fault);
}

int output_capture(struct output **out, struct round *round, struct process *p,
		   const struct output_options *options, unsigned int workers, struct fault *fault)
{
	struct image_options image = { .codec = options->codec, .level = options->level,
				       .workers = workers };
	struct output *o = calloc(1, sizeof(*o));
	struct capture c = { .round = round, .process = p, .fault = fault,
			     .content_pid = p->live_tid, .content_mem_fd = p->mem_fd,
			     .open_files = options->open_files };
	int ret;

	*out = NULL;
	if (!o)
		return fault_set(fault, ENOMEM, "out-of-memory", "process %d: no memory", p->pid);
	o->pid = p->pid;
	o->start_ticks = p->start_ticks;
	o->twin.mem_fd = -1;
	if (snprintf(o->path, sizeof(o->path), "%s", options->image) >= (int)sizeof(o->path)) {
		free(o);
		return fault_set(fault, ENAMETOOLONG, "image-unwritable", "%s: %s", options->image,
				 strerror(ENAMETOOLONG));
	}
	ret = image_writer_open(&o->writer, o->path, &image, fault);
	if (ret < 0) {
		free(o);
		return ret;
	}
	/* Without a twin the content is read while the program stands still: slower, not wrong. */
	if (options->copy_on_write && !twin_make(p, &o->twin, NULL)) {
		c.content_pid = o->twin.pid;
		c.content_mem_fd = o->twin.mem_fd;
		c.deferred = &o->deferred;
		c.unmaps = &o->unmaps;
		image_writer_set_snapshot(o->writer, o->twin.pid);
	}
	fill_header(&o->header, round, p, options);
	c.records = &o->records;
	c.image = o->writer;
	ret = capture_all(&c);
	if (!ret)
		ret = unmap_shared(o, true, fault);
	if (ret < 0) {
		output_close(o, false);
		return ret;
	}
	*out = o;
	return 0;
}

int output_flush_frozen(struct output *o, struct fault *fault)
{
	/* Once its thread has it: everything, as only one thread may ask the writer. */
	while (o->thread_started && atomic_load(&o->state) < OUTPUT_READ)
		sleep_us(200);
	return o->thread_started ? 0 : image_writer_flush_frozen(o->writer, fault);
}

static void tell(struct output *o, enum output_state state)
{
	uint64_t one = 1;

	atomic_store(&o->state, state);
	while (write(o->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static int capture_rest(struct output *o)
{
	struct capture c = { .records = &o->records, .image = o->writer, .fault = &o->fault,
			     .content_pid = o->twin.pid, .content_mem_fd = o->twin.mem_fd,
			     .deferred = &o->deferred };

	return capture_deferred(&c);
}

static void *finish(void *context)
{
	struct output *o = context;

	image_writer_run_on(o->writer);
	o->result = capture_rest(o);
	if (!o->result)
		o->result = image_writer_flush(o->writer, &o->fault);
	tell(o, OUTPUT_READ);
	if (!o->result)
		o->result = image_writer_finish(o->writer, &o->header, &o->records, &o->summary,
						&o->fault);
	tell(o, OUTPUT_DONE);
	return NULL;
}

int output_finish_start(struct output *o, int wake_fd, struct fault *fault)
{
	sigset_t all, before;
	int error;

	error = output_settle(o, fault);
	if (error < 0)
		return error;
	o->wake_fd = wake_fd;
	atomic_store(&o->state, OUTPUT_WRITING);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&o->thread, NULL, finish, o);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return fault_set(fault, error, "out-of-memory", "%s: no thread to write it: %s",
				 o->path, strerror(error));
	o->thread_started = true;
	return 0;
}

void output_close(struct output *o, bool keep)
{
	if (!o)
		return;
	if (!keep)
		image_writer_cancel(o->writer);
	if (o->thread_started)
		pthread_join(o->thread, NULL);
	image_writer_close(o->writer);
	twin_kill(&o->twin);
	capture_deferred_free(&o->deferred);
	buffer_free(&o->records);
	buffer_free(&o->unmaps);
	free(o);
}
