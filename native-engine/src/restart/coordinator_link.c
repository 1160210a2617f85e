#include "coordinator_link.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/buffer.h"
#include "../common/json.h"
#include "../common/monotonic.h"
#include "../common/proc.h"
#include "../commands/fail.h"
#include "../commands/local_client.h"
#include "../commands/runtime_paths.h"
#include "../commands/start_command.h"
#include "../resource/process_record.h"

#define BEGIN_MS 30000
#define TURN_MS 200
#define LAST_WORD_MS 500
#define NAMES_PER_REQUEST 1000

struct coordinator_link {
	struct local_client *client;
	struct coordinator_address address;
	const struct image_set *set;
	const char *checkpoint_dir;
	char *restart_id;
	pid_t *pids; /* per image, as this host sees them */
};

static json_t *text(const char *field, size_t bytes)
{
	return json_from_bytes(field, strnlen(field, bytes));
}

#define FIELD(array) text(array, sizeof(array))

static json_t *member_list(const struct image_set *set)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < set->count; i++) {
		const struct image_header *h = &set->images[i]->header;

		json_array_append_new(list, json_pack("{s:o, s:i, s:o}",
						      "uniquePid", FIELD(h->unique_pid),
						      "virtualPid", (int)h->virtual_pid,
						      "program", FIELD(h->program)));
	}
	return list;
}

static int begin(struct coordinator_link *l, const struct coordinator_link_options *options,
		 struct fault *fault)
{
	const struct image_header *h = &l->set->images[0]->header;
	json_t *request, *answer = NULL;
	char host[HOST_NAME_MAX + 1] = "", socket[PATH_MAX];
	const char *id;
	int ret;

	gethostname(host, sizeof(host) - 1);
	request = json_pack("{s:s, s:o, s:I, s:o, s:i, s:o, s:o}", "op", "restart-begin",
			    "computationId", FIELD(h->computation_id),
			    "generation", (json_int_t)h->generation,
			    "manifestId", FIELD(h->manifest_id), "total", (int)h->members,
			    "members", member_list(l->set),
			    "host", json_from_bytes(host, strlen(host)));
	if (!request)
		return fault_set(fault, ENOMEM, "out-of-memory", "announcing the restart");
	if (options->interval && *options->interval)
		json_object_set_new(request, "interval", json_integer(atol(options->interval)));
	ret = coordinator_request(options->choice, &l->address, request, BEGIN_MS, &l->client,
				  &answer, fault);
	/* For the library in the processes: the builder hands our environment on to it. */
	if (ret == 0 && !coordinator_socket(options->choice, &l->address, socket, sizeof(socket)))
		setenv("DMTCP_AGENT_SOCKET", socket, 1);
	json_decref(request);
	if (ret < 0)
		return ret;
	id = json_text(answer, "restartId", NULL);
	l->restart_id = id ? strdup(id) : NULL;
	json_decref(answer);
	return l->restart_id ? 0 :
		fault_set(fault, EPROTO, "internal", "the coordinator gave no id of the restart");
}

int coordinator_link_open(struct coordinator_link **out, const struct image_set *set,
			  const struct coordinator_link_options *options, struct fault *fault)
{
	struct coordinator_link *l = calloc(1, sizeof(*l));
	int ret;

	*out = NULL;
	if (!l || !(l->pids = calloc(set->count, sizeof(*l->pids)))) {
		free(l);
		return fault_set(fault, ENOMEM, "out-of-memory", "announcing the restart");
	}
	l->set = set;
	l->checkpoint_dir = options->checkpoint_dir;
	ret = coordinator_resolve(options->choice, &l->address, fault);
	if (ret == 0)
		ret = begin(l, options, fault);
	if (ret == 0 && options->port_file)
		ret = coordinator_write_port_file(options->port_file, l->address.port, fault);
	if (ret < 0) {
		coordinator_link_close(l);
		return ret;
	}
	*out = l;
	return 0;
}

int coordinator_link_publish(struct coordinator_link *l, const json_t *names, struct fault *fault)
{
	size_t count = json_array_size(names);
	int ret = 0;

	for (size_t at = 0; !ret && at < count; at += NAMES_PER_REQUEST) {
		json_t *some = json_array(), *request;

		for (size_t n = at; n < count && n < at + NAMES_PER_REQUEST; n++)
			json_array_append(some, json_array_get(names, n));
		request = json_pack("{s:s, s:s, s:o}", "op", "restart-publish", "restartId",
				    l->restart_id, "names", some);
		ret = local_request(l->client, request, BEGIN_MS, NULL, fault);
		json_decref(request);
	}
	return ret;
}

int coordinator_link_resolve(struct coordinator_link *l, const json_t *names, uint32_t timeout_ms,
			     json_t **found, struct fault *fault)
{
	uint64_t begun = monotonic_ms();
	json_t *request, *answer = NULL;
	bool forced;
	int ret;

	*found = NULL;
	request = json_pack("{s:s, s:s, s:O, s:i}", "op", "restart-resolve", "restartId",
			    l->restart_id, "names", names, "timeoutMs", (int)timeout_ms);
	ret = local_request(l->client, request, BEGIN_MS + timeout_ms, &answer, fault);
	json_decref(request);
	if (ret)
		return ret;
	*found = json_incref(json_object_get(answer, "names"));
	forced = json_array_size(json_object_get(answer, "missing")) &&
		 monotonic_ms() - begun < timeout_ms / 2;
	json_decref(answer);
	return forced;
}

int coordinator_link_member(struct coordinator_link *l, size_t index, pid_t pid)
{
	l->pids[index] = pid;
	return 0;
}

static json_t *process_list(struct coordinator_link *l)
{
	static const char *const codecs[] = { "none", "zstd", "gzip", "lz4" };
	json_t *list = json_array();

	for (size_t i = 0; list && i < l->set->count; i++) {
		const struct image_reader *image = l->set->images[i];
		const struct image_header *h = &image->header;
		char path[PATH_MAX], directory[PATH_MAX];
		struct process_record record = { 0 };
		struct proc_stat stat = { 0 };
		char *slash;

		if (runtime_absolute(image->path, path, sizeof(path)) < 0)
			snprintf(path, sizeof(path), "%s", image->path);
		if (!l->checkpoint_dir || !*l->checkpoint_dir ||
		    runtime_absolute(l->checkpoint_dir, directory, sizeof(directory)) < 0)
			snprintf(directory, sizeof(directory), "%s", path);
		slash = strrchr(directory, '/');
		if (slash && !strcmp(directory, path))
			slash[slash == directory] = 0;
		process_record_read(image, &record, NULL);
		proc_stat(l->pids[i], &stat);
		json_array_append_new(
			list, json_pack("{s:o, s:i, s:I, s:i, s:o, s:o, s:o, s:s, s:I}",
					"uniquePid", FIELD(h->unique_pid),
					"pid", (int)l->pids[i],
					"startTicks", (json_int_t)stat.start_ticks,
					"virtualPid", (int)record.pid,
					"program", FIELD(h->program),
					"image", json_from_bytes(path, strlen(path)),
					"checkpointDir",
					json_from_bytes(directory, strlen(directory)),
					"codec", codecs[h->codec < 4 ? h->codec : 1],
					"options", (json_int_t)h->options));
	}
	return list;
}

/* The coordinator names whom it waits for: told once per change. */
static void tell_waiting(const json_t *answer, struct buffer *last)
{
	const json_t *waiting = json_object_get(answer, "waiting"), *name;
	struct buffer names = { 0 };
	size_t i;

	if (!json_is_array(waiting))
		return;
	json_array_foreach(waiting, i, name) {
		const char *text = json_string_value(name);

		if (i)
			buffer_append(&names, ", ", 2);
		buffer_append(&names, text, text ? strlen(text) : 0);
	}
	if (names.bytes &&
	    (names.bytes != last->bytes || memcmp(names.data, last->data, names.bytes))) {
		char *words;

		if (asprintf(&words, "waiting for %.*s", (int)names.bytes,
			     (const char *)names.data) >= 0) {
			fail_note("dmtcp_restart", words);
			free(words);
		}
	}
	buffer_free(last);
	*last = names;
}

int coordinator_link_go(struct coordinator_link *l, pid_t supervisor,
			int (*turn)(void *context), void *context, struct fault *fault)
{
	struct proc_stat stat = { 0 };
	struct buffer waiting = { 0 };
	bool wanted_end = false;
	json_t *request;
	int ret;

	proc_stat(supervisor, &stat);
	request = json_pack("{s:s, s:s, s:{s:i, s:I}, s:o}", "op", "restart-ready",
			    "restartId", l->restart_id, "supervisor", "pid", (int)supervisor,
			    "startTicks", (json_int_t)stat.start_ticks,
			    "processes", process_list(l));
	if (!request)
		return fault_set(fault, ENOMEM, "out-of-memory", "announcing the restart");
	ret = local_send(l->client, request, BEGIN_MS, fault);
	json_decref(request);
	while (ret == 0) {
		struct fault failure = { 0 };
		json_t *answer = NULL;
		bool go;

		ret = local_receive(l->client, wanted_end ? LAST_WORD_MS : TURN_MS, &answer,
				    &failure);
		if (ret == -ETIMEDOUT && wanted_end) {
			ret = -EINTR;
			break;
		}
		if (ret == -ETIMEDOUT) {
			ret = turn(context);
			/* The others may have been told to go: then the signal is for the program. */
			wanted_end = ret == -EINTR;
			if (wanted_end)
				ret = 0;
			continue;
		}
		if (ret < 0) {
			if (fault && !fault->id[0])
				*fault = failure;
			break;
		}
		tell_waiting(answer, &waiting);
		go = json_flag(answer, "go", false);
		json_decref(answer);
		if (go && wanted_end && fault)
			*fault = (struct fault){ 0 };
		if (go)
			break;
	}
	buffer_free(&waiting);
	local_close(l->client); /* there is nothing more to say */
	l->client = NULL;
	return ret;
}

void coordinator_link_close(struct coordinator_link *l)
{
	if (!l)
		return;
	local_close(l->client);
	free(l->restart_id);
	free(l->pids);
	free(l);
}
