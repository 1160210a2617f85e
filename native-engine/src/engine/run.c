#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "../common/proc.h"
#include "../descriptor/backlog.h"
#include "../resource/aio.h"
#include "../resource/descriptors.h"
#include "../resource/memory.h"
#include "../resource/sysv_undo.h"
#include "../trace/wait.h"
#include "ending.h"
#include "family.h"
#include "shared.h"

#define SETTLE_PAUSE_MS 64 /* the longest of those in which clients are accepted */

static void sleep_ms(unsigned int ms)
{
	struct timespec t = { 0, ms * 1000000l };

	nanosleep(&t, NULL);
}

static bool is_member(struct run *r, const struct process_key *k)
{
	struct process *p = round_member(&r->round, k->pid);

	return p && p->start_ticks == k->start_ticks;
}

/* Gives the members back, children before their parents. */
static void thaw_all(struct run *r)
{
	if (!r->frozen)
		return;
	descriptors_refill(&r->round);
	descriptors_free(&r->round);
	while (r->round.member_count)
		process_thaw(r->round.members[--r->round.member_count]);
	r->frozen = false;
}

static int add_member(struct run *r, struct process *p, struct fault *fault)
{
	struct process **members;

	/* Powers of two are where the room ends. */
	if (!(r->round.member_count & (r->round.member_count - 1))) {
		size_t room = r->round.member_count ? 2 * r->round.member_count : 1;

		members = realloc(r->round.members, room * sizeof(*members));
		if (!members) {
			process_thaw(p);
			return fault_set(fault, ENOMEM, "out-of-memory", "no memory for %zu members",
					 room);
		}
		r->round.members = members;
	}
	r->round.members[r->round.member_count++] = p;
	return 0;
}

/* An exit status that nobody in the computation waits for is no part of it. */
static bool is_stray_zombie(struct run *r, const struct process *p)
{
	struct process *parent;
	struct proc_stat stat;

	if (!p->zombie)
		return false;
	parent = proc_stat(p->pid, &stat) < 0 ? NULL : round_member(&r->round, stat.parent);
	if (!parent)
		return true;
	if (!twin_is_leftover(p->pid))
		return false;
	twin_collect_leftover(parent, p->pid);
	return true;
}

/* 1: a new member; 0: it has ended; -errno. Takes *@early. */
static int freeze_one(struct run *r, const struct process_key *k, char **early,
		      uint64_t deadline_ns, struct fault *fault)
{
	uint64_t now = monotonic_ns();
	struct fault why = { 0 };
	struct process *p;
	int ret;

	if (now >= deadline_ns)
		return fault_set(fault, ETIMEDOUT, "freeze-timeout",
				 "%zu processes have stopped, process %d has not yet been asked",
				 r->round.member_count, k->pid);
	if (!r->started_ns)
		r->started_ns = now;
	ret = process_freeze(k->pid, (deadline_ns - now) / 1000000 + 1, &p, &why);
	if (ret >= 0) {
		p->early_smaps = *early;
		*early = NULL;
	}
	if (ret == -ESRCH || !strcmp(why.id, "no-such-process"))
		return 0;
	if (ret < 0)
		return fault_set(fault, -ret, why.id, "%s", why.text);
	if (p->start_ticks != k->start_ticks || is_stray_zombie(r, p)) {
		process_thaw(p);
		return 0;
	}
	process_guard(p);
	if (!p->zombie)
		twin_collect(p);
	ret = add_member(r, p, fault);
	return ret < 0 ? ret : 1;
}

/* One look for members. How many new ones were frozen; *@waiting: some cannot be frozen yet. */
static int freeze_pass(struct run *r, const struct scan_request *request, bool *waiting,
		       uint64_t deadline_ns, struct fault *fault)
{
	struct process_keys found = { 0 };
	int ret = scan_members(request, &found, fault), fresh = 0;
	char **early;

	*waiting = false;
	early = calloc(found.count + 1, sizeof(*early));
	if (!early && ret >= 0)
		ret = fault_set(fault, ENOMEM, "out-of-memory", "no memory for %zu members",
				found.count);
	/* As long as nothing stands still. */
	for (size_t i = 0; ret >= 0 && !r->round.member_count && i < found.count; i++)
		early[i] = live_memory_look_early(found.keys[i].pid);
	for (size_t i = 0; ret >= 0 && i < found.count; i++) {
		const struct process_key *k = &found.keys[i];

		if (is_member(r, k))
			continue;
		/* Its parent, frozen by now or about to be, stops only when this one goes on. */
		if (process_is_vfork_child(k->pid)) {
			*waiting = true;
			continue;
		}
		ret = freeze_one(r, k, &early[i], deadline_ns, fault);
		fresh += ret > 0;
	}
	for (size_t i = 0; early && i < found.count; i++)
		free(early[i]);
	free(early);
	process_keys_free(&found);
	return ret < 0 ? ret : fresh;
}

static int freeze_until_complete(struct run *r, const struct scan_request *request,
				 uint64_t deadline_ns, struct fault *fault)
{
	bool waiting;
	int fresh;

	do {
		fresh = freeze_pass(r, request, &waiting, deadline_ns, fault);
		if (fresh < 0)
			return fresh;
		if (waiting && !fresh) {
			if (monotonic_ns() >= deadline_ns)
				return fault_set(fault, ETIMEDOUT, "freeze-timeout",
						 "a process between vfork and exec goes on and on");
			sleep_ms(1);
		}
	} while (fresh || waiting);
	if (!r->round.member_count)
		return fault_set(fault, ESRCH, "no-such-process", "no process is left to capture");
	return 0;
}

/*
 * All passes but the first run while the program stands still: they look only at processes that
 * are new. Those of the computation have its marks from birth.
 */
static int freeze_all(struct run *r, const struct scan_request *request, uint64_t deadline_ns,
		      struct fault *fault)
{
	struct scan_request repeated = *request;
	struct strangers strangers = { 0 };
	int ret;

	if (!repeated.strangers)
		repeated.strangers = &strangers;
	ret = freeze_until_complete(r, &repeated, deadline_ns, fault);
	strangers_free(&strangers);
	return ret;
}

/* Whether it finds something in a running process that cannot be captured; *@why says what. */
static bool refuses(const struct resource *resource, const struct process_key *k, struct fault *why)
{
	struct proc_stat stat;

	if (!resource->check || resource->check(k->pid, why) >= 0)
		return false;
	/* One that has ended meanwhile is nothing to refuse. */
	return proc_stat(k->pid, &stat) == 0 && stat.start_ticks == k->start_ticks;
}

int run_look(const struct process_keys *members, uint64_t deadline_ns, refusal_fn tell,
	     void *context, struct fault *fault)
{
	struct fault why = { 0 };

	for (size_t i = 0; i < members->count; i++) {
		const struct process_key *k = &members->keys[i];

		for (size_t n = 0; resource_table[n]; n++) {
			why = (struct fault){ 0 };
			if (refuses(resource_table[n], k, &why) && !tell(context, k->pid, &why))
				return 0;
		}
		if (monotonic_ns() > deadline_ns)
			return fault_set(fault, ETIMEDOUT, "freeze-timeout",
					 "looking at %zu processes took too long", members->count);
	}
	why = (struct fault){ 0 };
	if (members->count && family_check(members, &why) < 0)
		tell(context, members->keys[0].pid, &why);
	return 0;
}

struct first_refusal {
	bool found;
	struct fault why;
};

static bool keep_first(void *context, pid_t pid, const struct fault *why)
{
	struct first_refusal *first = context;

	(void)pid;
	*first = (struct first_refusal){ .found = true, .why = *why };
	return false;
}

int run_check(const struct scan_request *request, struct fault *fault)
{
	struct process_keys found = { 0 };
	struct first_refusal first = { 0 };
	int ret = scan_members(request, &found, fault);

	if (ret >= 0)
		ret = run_look(&found, UINT64_MAX, keep_first, &first, fault);
	if (ret >= 0 && first.found) {
		*fault = first.why;
		ret = -EOPNOTSUPP;
	}
	process_keys_free(&found);
	return ret < 0 ? ret : 0;
}

static int freeze_once(struct run **out, struct scan_request *request, const char *name,
		       uint64_t generation, const char *manifest_id, uint64_t deadline_ns,
		       unsigned int workers, struct fault *fault)
{
	struct run *r = calloc(1, sizeof(*r));
	uint32_t salt;
	int ret;

	*out = NULL;
	if (!r || shared_open(&r->round) < 0) {
		free(r);
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory for a round");
	}
	snprintf(r->name, sizeof(r->name), "%s", name);
	snprintf(r->round.computation_id, sizeof(r->round.computation_id), "%s",
		 request->computation_id);
	snprintf(r->round.manifest_id, sizeof(r->round.manifest_id), "%s", manifest_id);
	r->round.generation = generation;
	if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt))
		salt = (uint32_t)deadline_ns;
	r->round.host_salt = salt;
	r->workers = workers;
	r->frozen = true;
	request->skip = twin_all();
	ret = freeze_all(r, request, deadline_ns, fault);
	if (ret < 0) {
		run_close(r);
		return ret;
	}
	r->frozen_ns = monotonic_ns();
	*out = r;
	return 0;
}

/*
 * What a client has sent before it was accepted lies in a socket that nobody has: the server most
 * often takes it within milliseconds, if it may run.
 */
int run_freeze(struct run **out, struct scan_request *request, const char *name,
	       uint64_t generation, const char *manifest_id, uint32_t timeout_ms,
	       unsigned int workers, struct fault *fault)
{
	uint64_t deadline = monotonic_ns() + timeout_ms * 1000000ull;
	int ret;

	for (unsigned int pause_ms = 2;; pause_ms *= 2) {
		ret = freeze_once(out, request, name, generation, manifest_id, deadline, workers,
				  fault);
		if (ret < 0 || pause_ms > SETTLE_PAUSE_MS || pause_ms * 4 > timeout_ms ||
		    !descriptors_unsettled(&(*out)->round))
			break;
		run_close(*out);
		*out = NULL;
		sleep_ms(pause_ms);
	}
	if (ret >= 0) {
		(*out)->request = *request;
		(*out)->request.strangers = NULL; /* they are of this moment */
		*request = (struct scan_request){ 0 };
	}
	return ret;
}

size_t run_release(struct run *r, const struct run_helper *helpers, size_t count)
{
	size_t running = 0;

	if (!r->outputs) /* before the drain: hooks open and close descriptors */
		descriptors_free(&r->round);
	for (size_t i = 0; i < count; i++) {
		struct process *p = round_member(&r->round, helpers[i].process.pid);

		if (!p || p->zombie || p->start_ticks != helpers[i].process.start_ticks ||
		    process_release(p, helpers[i].tid, NULL) < 0)
			continue;
		p->helper = helpers[i].tid;
		p->plugin_area = helpers[i].area;
		running++;
	}
	return running;
}

int run_hold(struct run *r, uint32_t timeout_ms, struct fault *fault)
{
	uint64_t deadline_ns = monotonic_ns() + timeout_ms * 1000000ull;
	int ret = 0;

	for (size_t i = 0; i < r->round.member_count && !ret; i++) {
		struct process *p = r->round.members[i];
		uint64_t now = monotonic_ns();

		if (p->helper && !p->zombie)
			ret = process_hold(p, now < deadline_ns ? (deadline_ns - now) / 1000000 + 1 : 1,
					   fault);
	}
	return ret ? ret : freeze_all(r, &r->request, deadline_ns, fault);
}

int run_drain(struct run *r, uint32_t timeout_ms, struct fault *fault)
{
	int ret = aio_settle(&r->round, fault);

	return ret ? ret : descriptors_drain(&r->round, timeout_ms, fault);
}

struct output *run_output(struct run *r, pid_t pid, uint64_t start_ticks)
{
	struct output *o = r->outputs;

	while (o && (o->pid != pid || o->start_ticks != start_ticks))
		o = o->next;
	return o;
}

int run_snapshot(struct run *r, pid_t pid, uint64_t start_ticks,
		 const struct output_options *options, struct fault *fault)
{
	struct process *p = round_member(&r->round, pid);
	struct output *o;
	int ret;

	if (!p || p->start_ticks != start_ticks)
		return fault_set(fault, ESRCH, "no-such-process",
				 "process %d is no member of the round", pid);
	if (run_output(r, pid, start_ticks))
		return fault_set(fault, EEXIST, "internal", "process %d has been captured already",
				 pid);
	ret = output_capture(&o, &r->round, p, options, r->workers, fault);
	if (ret < 0)
		return ret;
	o->next = r->outputs;
	r->outputs = o;
	return 0;
}

void run_refill(struct run *r)
{
	if (r->frozen)
		descriptors_refill(&r->round);
}

/* Everything that must not change while it is read. */
static int flush_frozen(struct run *r, struct fault *fault)
{
	int ret = 0;

	for (struct output *o = r->outputs; o; o = o->next) {
		int one = output_flush_frozen(o, fault);

		if (!ret)
			ret = one;
	}
	return ret;
}

int run_resume(struct run *r, uint64_t *stopped_us, struct fault *fault)
{
	int ret;

	if (!r->frozen)
		return fault_set(fault, EINVAL, "internal", "the round is not frozen");
	ret = flush_frozen(r, fault);
	thaw_all(r);
	*stopped_us = (monotonic_ns() - r->started_ns) / 1000;
	for (struct output *o = r->outputs; o; o = o->next) {
		int one = output_settle(o, fault);

		if (!ret)
			ret = one;
	}
	return ret;
}

int run_exit(struct run *r, int status, struct fault *fault)
{
	int ret;

	if (!r->frozen)
		return fault_set(fault, EINVAL, "internal", "the round is not frozen");
	ret = flush_frozen(r, fault);
	if (ret < 0)
		return ret;
	descriptors_before_exit(&r->round);
	descriptors_free(&r->round);
	end_frozen(r->round.members, r->round.member_count, status);
	r->round.member_count = 0;
	r->frozen = false;
	return 0;
}

void run_close(struct run *r)
{
	if (!r)
		return;
	thaw_all(r); /* first of all: the program must not wait for our cleaning up */
	while (r->outputs) {
		struct output *o = r->outputs;

		r->outputs = o->next;
		output_close(o, r->keep && atomic_load(&o->state) == OUTPUT_DONE && !o->result);
	}
	descriptors_free(&r->round);
	shared_content_free(&r->round);
	backlog_free(&r->round);
	undo_sets_free(r->round.semaphores);
	shared_close(&r->round);
	free(r->round.remotes);
	scan_request_free(&r->request);
	free(r->round.members);
	free(r->round.ids);
	free(r);
}
