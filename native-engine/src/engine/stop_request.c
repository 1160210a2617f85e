/* A round from the freeze to the resume in one request: no agent is waited for in between. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../trace/wait.h"
#include "server.h"

#define WRITES_AT_ONCE 16 /* as many as the agent asks for at a time */

struct expected { /* a member that the agent knows, and its image */
	struct process_key key;
	const json_t *image;
};

struct expectation {
	struct expected *list; /* ascending by pid */
	size_t count;
};

static int by_pid(const void *a, const void *b)
{
	const struct expected *x = a, *y = b;

	return (x->key.pid > y->key.pid) - (x->key.pid < y->key.pid);
}

static int read_expectation(const json_t *request, struct expectation *out, struct fault *fault)
{
	const json_t *images = json_object_get(request, "images");
	size_t count = json_array_size(images);

	out->count = count;
	out->list = calloc(count + 1, sizeof(*out->list));
	if (!out->list)
		return fault_set(fault, ENOMEM, "out-of-memory", "%zu images", count);
	for (size_t i = 0; i < count; i++) {
		const json_t *one = json_array_get(images, i);

		out->list[i] = (struct expected){
			.key = { json_number(one, "pid", 0), json_number(one, "startTicks", 0) },
			.image = one,
		};
	}
	qsort(out->list, count, sizeof(*out->list), by_pid);
	return 0;
}

/* The image of @p; NULL: the agent does not know it as it is. */
static const json_t *image_of(const struct expectation *e, const struct process *p)
{
	struct expected key = { .key = { .pid = p->pid } }, *found;
	char program[4096];

	found = bsearch(&key, e->list, e->count, sizeof(key), by_pid);
	if (!found || found->key.start_ticks != p->start_ticks || p->zombie ||
	    member_program(p->live_tid, program, sizeof(program)) < 0)
		return NULL;
	/* It is a part of the image's name, and an exec changes it. */
	return !strcmp(program, json_text(found->image, "program", "")) ? found->image : NULL;
}

static bool all_expected(const struct run *r, const struct expectation *e)
{
	if (r->round.member_count != e->count)
		return false;
	for (size_t i = 0; i < r->round.member_count; i++)
		if (!image_of(e, r->round.members[i]))
			return false;
	return true;
}

/* Is the round still wanted? What has come meanwhile stays where it is. */
static int ask_on(struct server *s, struct fault *fault)
{
	if (server_given_up(s))
		return fault_set(fault, ECANCELED, "round-cancelled", "the round was aborted");
	return 0;
}

static int snapshot_all(struct server *s, const json_t *request, const struct expectation *e,
			struct fault *fault)
{
	struct round *round = &s->run->round;
	int ret = 0;

	for (size_t i = 0; i < round->member_count && !ret; i++) {
		struct process *p = round->members[i];
		struct output_options options;

		ret = ask_on(s, fault);
		if (!ret)
			ret = read_output_options(image_of(e, p), &options, fault);
		if (ret < 0)
			return ret;
		options.members = round->member_count;
		options.copy_on_write = json_flag(request, "copyOnWrite", false);
		ret = run_snapshot(s->run, p->pid, p->start_ticks, &options, fault);
	}
	return ret;
}

/* The agent asks for them next: until it does something is written already. */
static void start_writing(struct server *s)
{
	size_t started = 0;

	for (struct output *o = s->run->outputs; o && started < WRITES_AT_ONCE; o = o->next) {
		if (output_finish_start(o, s->wake_fd, NULL) < 0)
			return; /* told when it is asked for */
		started++;
	}
}

/* Each has a limit of its own: an engine that hangs is not to be waited for as long as for all. */
static void enter(struct server *s, const json_t *request, const char **phase, const char *next)
{
	*phase = next;
	channel_send(&s->channel, json_pack("{s:s, s:I, s:s}", "event", "phase", "request",
					    json_number(request, "id", 0), "phase", next));
}

/* *@phase is the one that is being gone through. */
static int go_on(struct server *s, const json_t *request, const struct expectation *e,
		 const char **phase, uint64_t *stopped_us, struct fault *fault)
{
	int ret;

	enter(s, request, phase, "drain");
	ret = ask_on(s, fault);
	if (!ret)
		ret = run_drain(s->run, json_number(request, "drainMs", 1), fault);
	if (!ret) {
		enter(s, request, phase, "snapshot");
		ret = snapshot_all(s, request, e, fault);
	}
	if (!ret) {
		*phase = "resume";
		run_refill(s->run);
		ret = run_resume(s->run, stopped_us, fault);
	}
	return ret;
}

int request_stop(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	struct expectation expected = { 0 };
	const char *phase = "freeze";
	uint64_t stopped_us = 0;
	int ret = read_expectation(request, &expected, fault);

	if (!ret)
		ret = freeze_round(s, request, fault);
	if (ret < 0) { /* perhaps another round is active: not ours to give up */
		free(expected.list);
		return ret;
	}
	if (all_expected(s->run, &expected)) {
		ret = go_on(s, request, &expected, &phase, &stopped_us, fault);
		if (!ret)
			start_writing(s);
	} else {
		list_members(s, answer);
	}
	free(expected.list);
	if (ret < 0) {
		server_abort(s); /* first of all: they run on */
		fault_set(fault, -ret, "internal", "%s: %s", phase, strerror(-ret));
		server_refuse_in(s, json_number(request, "id", 0), phase, fault);
		return 1;
	}
	json_object_set_new(answer, "reached", json_string(phase));
	json_object_set_new(answer, "stoppedMicros", json_integer(stopped_us));
	return 0;
}
