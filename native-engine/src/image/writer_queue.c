/* The queue of an image writer, and the threads that work on it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "writer.h"

#define COPIES_BYTES_MAX ((uint64_t)64 << 20) /* of add_bytes waiting in the queue */
#define TASKS_WITHOUT_HELP 2u /* done by who calls flush: an image of a few MiB needs no threads */

void task_free(struct task *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->pieces[i].copy);
	free(t->pieces);
	free(t);
}

/* With the lock: the first failure of any thread is the one that is told. */
void writer_fail(struct image_writer *w, int error, const struct fault *fault)
{
	if (!w->error) {
		w->error = error;
		w->fault = *fault;
	}
}

int writer_error(struct image_writer *w, struct fault *fault)
{
	int error;

	pthread_mutex_lock(&w->lock);
	error = w->error;
	if (error)
		fault_set(fault, error, w->fault.id, "%s", w->fault.text);
	pthread_mutex_unlock(&w->lock);
	return -error;
}

/* With the lock. */
static struct task *take_task(struct image_writer *w)
{
	for (enum urgency u = URGENT; u <= LATER; u++) {
		struct task *t = w->first[u];

		if (!t || (u == LATER && !w->running && !w->stopping))
			continue;
		w->first[u] = t->next;
		if (!t->next)
			w->last[u] = NULL;
		return t;
	}
	return NULL;
}

/* With the lock, which is given up in between. */
static void work_on(struct image_writer *w, struct task *t, struct desk *desk)
{
	struct fault fault = { 0 };
	int ret = 0;

	w->queued--;
	w->busy[t->urgency]++;
	if (!w->error) {
		pthread_mutex_unlock(&w->lock);
		ret = desk ? writer_do_task(w, desk, t, &fault) :
			     fault_set(&fault, ENOMEM, "out-of-memory", "%s: no memory for a worker",
				       w->path);
		pthread_mutex_lock(&w->lock);
	}
	if (ret < 0)
		writer_fail(w, -ret, &fault);
	w->copied_bytes -= t->copied_bytes;
	w->done_bytes += t->bytes;
	w->busy[t->urgency]--;
	pthread_cond_broadcast(&w->idle);
	task_free(t);
}

static void *worker(void *context)
{
	struct image_writer *w = context;
	struct desk *desk = desk_take();
	struct task *t;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!(t = take_task(w)) && !w->stopping)
			pthread_cond_wait(&w->work, &w->lock);
		if (!t)
			break;
		work_on(w, t, desk);
	}
	pthread_mutex_unlock(&w->lock);
	desk_give(desk);
	return NULL;
}

void image_writer_progress(struct image_writer *w, uint64_t *done_bytes, uint64_t *queued_bytes)
{
	pthread_mutex_lock(&w->lock);
	*done_bytes = w->done_bytes;
	*queued_bytes = w->queued_bytes;
	pthread_mutex_unlock(&w->lock);
}

void writer_stop_workers(struct image_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->lock);
	for (unsigned int i = 0; i < w->thread_count; i++)
		pthread_join(w->threads[i], NULL);
	w->thread_count = 0;
}

void writer_drop_queue(struct image_writer *w)
{
	struct task *t;

	w->running = true; /* or what waits for that would stay */
	while ((t = take_task(w))) {
		w->queued--;
		w->copied_bytes -= t->copied_bytes;
		task_free(t);
	}
	pthread_cond_broadcast(&w->idle);
}

/* No thread is no failure: who calls flush does it all. */
static void start_workers(struct image_writer *w, unsigned int tasks)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (w->thread_count < w->options.workers && w->thread_count + TASKS_WITHOUT_HELP < tasks &&
	       !pthread_create(&w->threads[w->thread_count], NULL, worker, w))
		w->thread_count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* With the lock: something is queued that the workers take without our doing. */
static bool will_make_room(const struct image_writer *w)
{
	return w->thread_count && (w->first[URGENT] || w->busy[URGENT] || w->busy[LATER] ||
				   (w->running && w->first[LATER]));
}

/* Copies wait until the program runs on, unless they fill the memory. */
static bool copies_can_wait(struct image_writer *w)
{
	bool can;

	pthread_mutex_lock(&w->lock);
	can = w->running || w->copied_bytes < COPIES_BYTES_MAX;
	pthread_mutex_unlock(&w->lock);
	return can;
}

/* Queues *@pending, which becomes NULL. */
static void push(struct image_writer *w, enum urgency u, struct task **pending)
{
	struct task *t = *pending;
	unsigned int workable;

	if (!t)
		return;
	*pending = NULL;
	t->urgency = u;
	pthread_mutex_lock(&w->lock);
	while (w->copied_bytes + t->copied_bytes > COPIES_BYTES_MAX && will_make_room(w))
		pthread_cond_wait(&w->idle, &w->lock);
	w->copied_bytes += t->copied_bytes;
	w->queued_bytes += t->bytes;
	if (w->last[u])
		w->last[u]->next = t;
	else
		w->first[u] = t;
	w->last[u] = t;
	w->queued++;
	workable = u == URGENT || w->running ? w->queued : 0;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	start_workers(w, workable);
}

static struct piece *next_piece(struct task *t)
{
	if (t->count == t->capacity) {
		size_t capacity = t->capacity ? t->capacity * 2 : 4;
		struct piece *pieces = realloc(t->pieces, capacity * sizeof(*pieces));

		if (!pieces)
			return NULL;
		t->pieces = pieces;
		t->capacity = capacity;
	}
	return &t->pieces[t->count];
}

/* Cuts @whole into pieces that fill chunk after chunk. @data: copied (SOURCE_BYTES). */
static int add(struct image_writer *w, struct piece whole, const uint8_t *data,
	       struct fault *fault)
{
	bool later = (whole.kind == SOURCE_BYTES && copies_can_wait(w)) ||
		     (w->snapshot && whole.kind == SOURCE_PROCESS && whole.pid == w->snapshot);
	enum urgency u = later ? LATER : URGENT;
	int ret = writer_error(w, fault);

	while (whole.bytes && ret >= 0) {
		/* Pages among themselves: they lie on page boundaries of their chunks then. */
		struct task **pending = &w->pending[u][whole.kind == SOURCE_PROCESS], *t;
		struct piece *p;
		uint64_t n;

		if (!*pending)
			*pending = calloc(1, sizeof(**pending));
		t = *pending;
		p = t ? next_piece(t) : NULL;
		if (!p)
			goto no_memory;
		n = IMAGE_CHUNK_BYTES - t->bytes;
		if (n > whole.bytes)
			n = whole.bytes;
		*p = whole;
		p->bytes = n;
		if (data) {
			p->copy = malloc(n);
			if (!p->copy)
				goto no_memory;
			memcpy(p->copy, data, n);
			data += n;
			t->copied_bytes += n;
		}
		t->count++;
		t->bytes += n;
		whole.offset += n;
		whole.source_offset += n;
		whole.bytes -= n;
		if (t->bytes == IMAGE_CHUNK_BYTES || t->count == SOURCE_MAX_PIECES)
			push(w, u, pending);
	}
	return ret;

no_memory:
	return fault_set(fault, ENOMEM, "out-of-memory", "%s: no memory for its queue", w->path);
}

void image_writer_set_snapshot(struct image_writer *w, pid_t pid)
{
	w->snapshot = pid;
}

int image_writer_add_process(struct image_writer *w, pid_t pid, int mem_fd, uint64_t address,
			     uint64_t bytes, bool skip_unreadable, struct fault *fault)
{
	return add(w, (struct piece){ .kind = SOURCE_PROCESS, .pid = pid, .fd = mem_fd,
				      .offset = address, .source_offset = address, .bytes = bytes,
				      .skip_unreadable = skip_unreadable }, NULL, fault);
}

int image_writer_add_process_object(struct image_writer *w, uint64_t object, uint64_t offset,
				    pid_t pid, int mem_fd, uint64_t address, uint64_t bytes,
				    bool skip_unreadable, struct fault *fault)
{
	return add(w, (struct piece){ .kind = SOURCE_PROCESS, .pid = pid, .fd = mem_fd,
				      .object = object, .offset = offset,
				      .source_offset = address, .bytes = bytes,
				      .skip_unreadable = skip_unreadable }, NULL, fault);
}

int image_writer_add_fd(struct image_writer *w, uint64_t object, int fd, uint64_t offset,
			uint64_t bytes, struct fault *fault)
{
	return add(w, (struct piece){ .kind = SOURCE_FD, .fd = fd, .object = object,
				      .offset = offset, .source_offset = offset, .bytes = bytes },
		   NULL, fault);
}

int image_writer_add_bytes(struct image_writer *w, uint64_t object, uint64_t offset,
			   const void *data, uint64_t bytes, struct fault *fault)
{
	return add(w, (struct piece){ .kind = SOURCE_BYTES, .fd = -1, .object = object,
				      .offset = offset, .bytes = bytes }, data, fault);
}

void image_writer_run_on(struct image_writer *w)
{
	unsigned int tasks;

	pthread_mutex_lock(&w->lock);
	w->running = true;
	tasks = w->queued;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->lock);
	start_workers(w, tasks);
}

int image_writer_add_code(struct image_writer *w, uint64_t object, uint64_t offset,
			  const void *data, uint64_t bytes, struct fault *fault)
{
	const uint8_t *from = data;
	int ret = writer_error(w, fault);

	/* In chunks of its own, so that they are the same in every image. */
	while (bytes && ret >= 0) {
		uint64_t n = bytes < IMAGE_CHUNK_BYTES ? bytes : IMAGE_CHUNK_BYTES;
		struct task *t = calloc(1, sizeof(*t));
		struct piece *p = t ? next_piece(t) : NULL;

		if (p)
			*p = (struct piece){ .kind = SOURCE_BYTES, .fd = -1, .object = object,
					     .offset = offset, .bytes = n, .copy = malloc(n) };
		if (!p || !p->copy) {
			task_free(t);
			return fault_set(fault, ENOMEM, "out-of-memory",
					 "%s: no memory for its queue", w->path);
		}
		memcpy(p->copy, from, n);
		t->code = true;
		t->count = 1;
		t->bytes = t->copied_bytes = n;
		push(w, copies_can_wait(w) ? LATER : URGENT, &t);
		ret = writer_error(w, fault);
		from += n;
		offset += n;
		bytes -= n;
	}
	return ret;
}

/* The caller works too. */
static int flush(struct image_writer *w, enum urgency last, struct fault *fault)
{
	struct desk *desk = NULL;
	struct task *t;

	for (enum urgency u = URGENT; u <= last; u++) {
		push(w, u, &w->pending[u][false]);
		push(w, u, &w->pending[u][true]);
	}
	pthread_mutex_lock(&w->lock);
	while ((last == LATER || w->first[URGENT]) && (t = take_task(w))) {
		if (!desk)
			desk = desk_take();
		work_on(w, t, desk);
	}
	for (enum urgency u = URGENT; u <= last; u++)
		while (w->first[u] || w->busy[u])
			pthread_cond_wait(&w->idle, &w->lock);
	pthread_mutex_unlock(&w->lock);
	desk_give(desk);
	return writer_error(w, fault);
}

int image_writer_flush_frozen(struct image_writer *w, struct fault *fault)
{
	return flush(w, URGENT, fault);
}

int image_writer_flush(struct image_writer *w, struct fault *fault)
{
	image_writer_run_on(w);
	return flush(w, LATER, fault);
}
