#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../trace/wait.h"
#include "server.h"

#define DEFAULT_LIMIT_MS 60000

static uint32_t timeout_of(const json_t *request)
{
	int64_t ms = json_number(request, "timeoutMs", DEFAULT_LIMIT_MS);

	return ms < 1 ? 1 : ms > 86400000 ? 86400000 : ms;
}

int find_round(struct server *s, const json_t *request, struct fault *fault)
{
	const char *name = json_text(request, "round", "");

	if (s->run && !strcmp(s->run->name, name))
		return 0;
	return fault_set(fault, EINVAL, "internal", "round %s is not active", name);
}

void list_members(struct server *s, json_t *answer)
{
	json_t *members = json_array();

	for (size_t i = 0; i < s->run->round.member_count; i++) {
		const struct process *p = s->run->round.members[i];
		json_t *one = member_json(p->pid, p->start_ticks, p);

		if (one) /* else somebody has killed it, frozen as it is */
			json_array_append_new(members, one);
	}
	json_object_set_new(answer, "members", members);
}

int freeze_round(struct server *s, const json_t *request, struct fault *fault)
{
	const char *name = json_text(request, "round", "");
	struct scan_request what;
	int ret;

	if (s->run)
		return fault_set(fault, EBUSY, "round-busy", "round %s is active", s->run->name);
	if (!*name || strlen(name) >= sizeof(s->run->name))
		return fault_set(fault, EINVAL, "internal", "\"%s\" is no name of a round", name);
	ret = read_scan_request(request, &what, fault);
	what.strangers = recent_strangers(s, &what);
	if (!ret)
		ret = run_freeze(&s->run, &what, name, json_number(request, "generation", 0),
				 json_text(request, "manifestId", ""), timeout_of(request),
				 s->workers, fault);
	if (!ret) {
		s->run->round.settling = &s->settling;
		s->run->round.given_up = server_given_up;
		s->run->round.given_up_context = s;
	}
	scan_request_free(&what);
	return ret;
}

static bool is_abort_of(const json_t *message, const void *round)
{
	return !strcmp(json_text(message, "op", ""), "abort") &&
	       !strcmp(json_text(message, "round", ""), round);
}

bool server_given_up(void *server)
{
	struct server *s = server;

	channel_receive(&s->channel);
	return s->channel.closed || channel_holds(&s->channel, is_abort_of, s->run->name);
}

int request_freeze(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	int ret = freeze_round(s, request, fault);

	if (ret < 0)
		return ret;
	list_members(s, answer);
	json_object_set_new(answer, "frozenNs", json_integer(s->run->frozen_ns));
	return 0;
}

int request_release(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	const json_t *list = json_object_get(request, "helpers");
	size_t count = json_array_size(list);
	int ret = find_round(s, request, fault);
	struct run_helper *helpers;

	if (ret < 0)
		return ret;
	helpers = calloc(count + 1, sizeof(*helpers));
	if (!helpers)
		return fault_set(fault, ENOMEM, "out-of-memory", "%zu helper threads", count);
	for (size_t i = 0; i < count; i++) {
		const json_t *one = json_array_get(list, i);

		helpers[i] = (struct run_helper){
			.process = { json_number(one, "pid", 0), json_number(one, "startTicks", 0) },
			.tid = json_number(one, "tid", 0),
			.area = json_number(one, "area", 0),
		};
	}
	json_object_set_new(answer, "released",
			    json_integer(run_release(s->run, helpers, count)));
	free(helpers);
	return 0;
}

int request_hold(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	int ret = find_round(s, request, fault);

	if (!ret)
		ret = run_hold(s->run, timeout_of(request), fault);
	if (!ret)
		list_members(s, answer);
	return ret;
}

int request_drain(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	int ret = find_round(s, request, fault);

	if (!ret)
		ret = run_drain(s->run, timeout_of(request), fault);
	json_object_set_new(answer, "endpoints", json_array());
	return ret;
}

static const char *const codecs[] = { [CODEC_NONE] = "none", [CODEC_ZSTD] = "zstd",
				      [CODEC_GZIP] = "gzip", [CODEC_LZ4] = "lz4" };

int codec_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (!strcmp(codecs[i], name))
			return i;
	return -EINVAL;
}

int read_output_options(const json_t *image, struct output_options *out, struct fault *fault)
{
	const char *codec_name = json_text(image, "codec", "zstd");
	int codec = codec_by_name(codec_name);

	*out = (struct output_options){
		.unique_pid = json_text(image, "uniquePid", ""),
		.image = json_text(image, "image", ""),
		.codec = codec,
		.level = json_number(image, "level", 0),
		.members = json_number(image, "members", 1),
		.options = json_number(image, "options", 0),
		.open_files = json_flag(image, "openFiles", false),
		.copy_on_write = json_flag(image, "copyOnWrite", false),
	};
	return codec < 0 ? fault_set(fault, EINVAL, "internal", "unknown codec %s", codec_name) : 0;
}

int request_snapshot(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	struct output_options options;
	int ret = find_round(s, request, fault);

	(void)answer;
	if (!ret)
		ret = read_output_options(request, &options, fault);
	if (ret < 0)
		return ret;
	if (!s->run->frozen)
		return fault_set(fault, EINVAL, "internal", "the round is not frozen");
	return run_snapshot(s->run, json_number(request, "pid", 0),
			    json_number(request, "startTicks", 0), &options, fault);
}

int request_refill(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	int ret = find_round(s, request, fault);

	(void)answer;
	if (!ret)
		run_refill(s->run);
	return ret;
}

int request_resume(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	int ret = find_round(s, request, fault);
	uint64_t stopped_us = 0;

	if (!ret)
		ret = run_resume(s->run, &stopped_us, fault);
	json_object_set_new(answer, "stoppedMicros", json_integer(stopped_us));
	return ret;
}

int request_write(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	int ret = find_round(s, request, fault);
	struct waiting_write *w;
	struct output *o;

	(void)answer;
	if (ret < 0)
		return ret;
	o = run_output(s->run, json_number(request, "pid", 0),
		       json_number(request, "startTicks", 0));
	if (!o || o->awaited)
		return fault_set(fault, EINVAL, "internal", "process %d has no snapshot to write",
				 (int)json_number(request, "pid", 0));
	w = calloc(1, sizeof(*w));
	if (!w)
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory for a request");
	ret = o->thread_started ? 0 : output_finish_start(o, s->wake_fd, fault);
	if (ret < 0) {
		free(w);
		return ret;
	}
	o->awaited = true;
	w->id = json_number(request, "id", 0);
	w->output = o;
	w->deadline_ns = monotonic_ns() + timeout_of(request) * 1000000ull;
	w->next = s->writes;
	s->writes = w;
	return 1;
}

int request_progress(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	int ret = find_round(s, request, fault);
	json_t *images = json_array();

	for (struct output *o = ret ? NULL : s->run->outputs; o; o = o->next) {
		uint64_t done, queued;

		image_writer_progress(o->writer, &done, &queued);
		json_array_append_new(images, json_pack("{s:i, s:I, s:I, s:I}", "pid", (int)o->pid,
							"startTicks", (json_int_t)o->start_ticks,
							"doneBytes", (json_int_t)done,
							"rawBytes", (json_int_t)queued));
	}
	json_object_set_new(answer, "images", images);
	return ret;
}

static void answer_write(struct server *s, const struct waiting_write *w)
{
	const struct output *o = w->output;
	const struct image_summary *sum = &o->summary;

	if (o->result < 0)
		server_refuse(s, w->id, &o->fault);
	else
		server_answer(s, w->id,
			      json_pack("{s:I, s:I, s:s}", "bytes", (json_int_t)sum->file_bytes,
					"rawBytes", (json_int_t)sum->raw_bytes, "digest",
					sum->digest));
}

void server_writes(struct server *s)
{
	struct waiting_write **at = &s->writes, *w;

	for (struct output *o = s->run ? s->run->outputs : NULL; o; o = o->next)
		if (atomic_load(&o->state) >= OUTPUT_READ)
			twin_kill(&o->twin);
	while ((w = *at)) {
		bool done = atomic_load(&w->output->state) == OUTPUT_DONE;

		if (done) {
			answer_write(s, w);
		} else if (monotonic_ns() >= w->deadline_ns) {
			struct fault fault = { 0 };

			fault_set(&fault, ETIMEDOUT, "write-timeout",
				  "%s: it was not on disk in time", w->output->path);
			server_refuse(s, w->id, &fault);
		} else {
			at = &w->next;
			continue;
		}
		*at = w->next;
		free(w);
	}
}

uint64_t server_next_deadline(const struct server *s)
{
	uint64_t earliest = UINT64_MAX;

	for (const struct waiting_write *w = s->writes; w; w = w->next)
		if (w->deadline_ns < earliest)
			earliest = w->deadline_ns;
	return earliest;
}

static void close_round(struct server *s, bool keep)
{
	if (!s->run)
		return;
	while (s->writes) {
		struct waiting_write *w = s->writes;
		struct fault fault = { 0 };

		fault_set(&fault, ECANCELED, "internal", "%s: the round was given up",
			  w->output->path);
		server_refuse(s, w->id, &fault);
		s->writes = w->next;
		free(w);
	}
	s->run->keep = keep;
	run_close(s->run);
	s->run = NULL;
}

void server_abort(struct server *s)
{
	close_round(s, false);
}

int request_abort(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	int ret = find_round(s, request, fault);

	(void)answer;
	if (!ret)
		server_abort(s);
	return ret;
}

int request_end(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	int ret = find_round(s, request, fault);

	(void)answer;
	if (!ret)
		close_round(s, true);
	return ret;
}

int request_exit(struct server *s, const json_t *request, json_t *answer, struct fault *fault)
{
	int ret = find_round(s, request, fault);

	(void)answer;
	return ret ? ret : run_exit(s->run, json_number(request, "exitStatus", 0), fault);
}
