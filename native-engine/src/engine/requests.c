#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/proc.h"
#include "../resource/resource.h"
#include "../trace/wait.h"
#include "ending.h"
#include "linger.h"
#include "server.h"

#define ENGINE_VERSION 1
#define STRANGERS_NS 1000000000ull /* an exec may give a process another environment */

static int out_of_memory(struct fault *fault)
{
	return fault_set(fault, ENOMEM, "out-of-memory", "no memory for a request");
}

/* Appends the processes of array @key, whose pid is called @pid_key. */
static int read_keys(const json_t *request, const char *key, const char *pid_key,
		     struct process_keys *out, struct fault *fault)
{
	const json_t *array = json_object_get(request, key), *one;
	size_t i;

	json_array_foreach(array, i, one)
		if (process_keys_add(out, json_number(one, pid_key, 0),
				     json_number(one, "startTicks", 0)) < 0)
			return out_of_memory(fault);
	return 0;
}

int read_scan_request(const json_t *request, struct scan_request *out, struct fault *fault)
{
	const char *id = json_text(request, "computationId", "");
	int ret;

	memset(out, 0, sizeof(*out));
	if (strlen(id) >= sizeof(out->computation_id))
		return fault_set(fault, EINVAL, "internal", "the computation's id is too long");
	strcpy(out->computation_id, id);
	out->coordinator_port = json_number(request, "coordinatorPort", 0);
	out->skip = twin_all();
	ret = read_keys(request, "roots", "pid", &out->roots, fault);
	return ret ? ret : read_keys(request, "namespaces", "initPid", &out->namespaces, fault);
}

struct strangers *recent_strangers(struct server *s, const struct scan_request *r)
{
	uint64_t now = monotonic_ns();

	if (now - s->strangers.since_ns > STRANGERS_NS ||
	    strcmp(s->strangers.computation_id, r->computation_id) ||
	    s->strangers.coordinator_port != r->coordinator_port) {
		strangers_free(&s->strangers.set);
		strcpy(s->strangers.computation_id, r->computation_id);
		s->strangers.coordinator_port = r->coordinator_port;
		s->strangers.since_ns = now;
	}
	return &s->strangers.set;
}

static int request_hello(struct server *s, const json_t *request, json_t *answer,
			 struct fault *fault)
{
	(void)s;
	(void)request;
	(void)fault;
	json_object_set_new(answer, "version", json_integer(ENGINE_VERSION));
	json_object_set_new(answer, "pid", json_integer(getpid()));
	return 0;
}

static int request_watch(struct server *s, const json_t *request, json_t *answer,
			 struct fault *fault)
{
	(void)answer;
	strangers_forget(&s->strangers.set, json_number(request, "pid", 0)); /* a member by now */
	return watch_add(&s->watches, s->epoll_fd, json_number(request, "pid", 0),
			 json_number(request, "startTicks", 0), fault);
}

static int request_unwatch(struct server *s, const json_t *request, json_t *answer,
			   struct fault *fault)
{
	(void)answer;
	(void)fault;
	watch_remove(&s->watches, watch_find(&s->watches, json_number(request, "pid", 0),
					     json_number(request, "startTicks", 0)));
	return 0;
}

static int request_scan(struct server *s, const json_t *request, json_t *answer,
			struct fault *fault)
{
	json_t *members = json_array();
	struct process_keys found = { 0 };
	struct scan_request what;
	int ret = read_scan_request(request, &what, fault);

	what.strangers = recent_strangers(s, &what);
	if (!ret)
		ret = scan_members(&what, &found, fault);
	for (size_t i = 0; !ret && i < found.count; i++) {
		json_t *one = member_json(found.keys[i].pid, found.keys[i].start_ticks, NULL);

		if (one) /* else it has ended meanwhile */
			json_array_append_new(members, one);
	}
	json_object_set_new(answer, "members", members);
	process_keys_free(&found);
	scan_request_free(&what);
	return ret;
}

static bool add_refusal(void *refusals, pid_t pid, const struct fault *why)
{
	json_array_append_new(refusals, json_pack("{s:i, s:s, s:o}", "pid", (int)pid, "errorId",
						  why->id[0] ? why->id : "not-supported", "text",
						  json_from_text(why->text)));
	return true;
}

static int request_check(struct server *s, const json_t *request, json_t *answer,
			 struct fault *fault)
{
	uint64_t deadline = monotonic_ns() + json_number(request, "timeoutMs", 10000) * 1000000ull;
	json_t *refusals = json_array();
	struct process_keys members = { 0 };
	int ret = read_keys(request, "members", "pid", &members, fault);

	(void)s;
	if (!ret)
		ret = run_look(&members, deadline, add_refusal, refusals, fault);
	json_object_set_new(answer, "refusals", refusals);
	process_keys_free(&members);
	return ret;
}

/* Those that cannot be stopped, or not soon, are killed: that is what was asked for. */
static int kill_members(const struct server *s, const struct process_keys *members, int status,
			struct fault *fault)
{
	struct process **frozen = calloc(members->count + 1, sizeof(*frozen));
	size_t count = 0;
	int killed = 0;

	if (!frozen)
		return out_of_memory(fault);
	for (size_t i = 0; i < members->count; i++) {
		const struct process_key *k = &members->keys[i];
		struct proc_stat stat;
		struct process *p;
		int pidfd = syscall(SYS_pidfd_open, k->pid, 0);

		if (pidfd < 0 || proc_stat(k->pid, &stat) < 0 ||
		    stat.start_ticks != k->start_ticks || proc_has_ended(&stat)) {
			if (pidfd >= 0)
				close(pidfd);
			continue;
		}
		killed++;
		if (!process_is_vfork_child(k->pid) && !process_freeze(k->pid, 500, &p, NULL))
			frozen[count++] = p;
		else
			syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		close(pidfd);
	}
	reset_connections_between(frozen, count, s->remotes, s->remote_count);
	end_frozen(frozen, count, status);
	free(frozen);
	return killed;
}

static int request_kill(struct server *s, const json_t *request, json_t *answer,
			struct fault *fault)
{
	struct process_keys members = { 0 };
	int ret = read_keys(request, "members", "pid", &members, fault);

	if (!ret)
		ret = kill_members(s, &members, json_number(request, "exitStatus", 0), fault);
	process_keys_free(&members);
	if (ret < 0)
		return ret;
	json_object_set_new(answer, "killed", json_integer(ret));
	return 0;
}

static const struct {
	const char *op;
	request_handler handle;
} handlers[] = {
	{ "hello", request_hello },
	{ "watch", request_watch },
	{ "unwatch", request_unwatch },
	{ "scan", request_scan },
	{ "check", request_check },
	{ "freeze", request_freeze },
	{ "stop", request_stop },
	{ "endpoints", request_endpoints },
	{ "match", request_match },
	{ "release", request_release },
	{ "hold", request_hold },
	{ "drain", request_drain },
	{ "snapshot", request_snapshot },
	{ "refill", request_refill },
	{ "resume", request_resume },
	{ "write", request_write },
	{ "progress", request_progress },
	{ "abort", request_abort },
	{ "end", request_end },
	{ "exit", request_exit },
	{ "kill", request_kill },
};

void server_answer(struct server *s, json_int_t id, json_t *fields)
{
	json_object_set_new(fields, "id", json_integer(id));
	json_object_set_new(fields, "ok", json_true());
	channel_send(&s->channel, fields);
}

void server_refuse(struct server *s, json_int_t id, const struct fault *fault)
{
	server_refuse_in(s, id, NULL, fault);
}

void server_refuse_in(struct server *s, json_int_t id, const char *phase, const struct fault *fault)
{
	json_t *error = json_from_fault(fault);

	if (phase)
		json_object_set_new(error, "phase", json_string(phase));
	channel_send(&s->channel,
		     json_pack("{s:I, s:b, s:o}", "id", id, "ok", 0, "error", error));
}

void server_request(struct server *s, const json_t *request)
{
	const char *op = json_text(request, "op", "");
	json_int_t id = json_number(request, "id", 0);
	struct fault fault = { 0 };
	json_t *answer;
	int ret = -ENOSYS;

	answer = json_object();
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (!strcmp(handlers[i].op, op))
			ret = handlers[i].handle(s, request, answer, &fault);
	if (ret == 0) {
		server_answer(s, id, answer);
		return;
	}
	json_decref(answer);
	if (ret > 0)
		return;
	fault_set(&fault, -ret, "internal", "request \"%s\": %s", op, strerror(-ret));
	server_refuse(s, id, &fault);
}
