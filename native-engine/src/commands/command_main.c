/* dmtcp_command: one command to the coordinator, as text or JSON (dmtcp-interface, section 2). */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/json.h"
#include "fail.h"
#include "options.h"
#include "outside.h"
#include "progress.h"
#include "start_agent.h"
#include "start_coordinator.h"
#include "version.h"

#define ANSWER_MS 30000
#define QUIT_MS 2000
#define END_MS 15000 /* the programs are ended first */

enum verb {
	NONE, STATUS, LIST, CHECKPOINT, BLOCKING, KILL_AFTER, INTERVAL, KILL, QUIT, FORCE,
	GENERATIONS, HELP,
};

static const char *const verb_names[] = {
	[NONE] = "DMT_INVALID_COORDINATOR_COMMAND", [STATUS] = "DMT_STATUS", [LIST] = "DMT_LIST",
	[CHECKPOINT] = "DMT_CHECKPOINT", [BLOCKING] = "DMT_BLOCKING_CKPT",
	[KILL_AFTER] = "DMT_KILL_AFTER_CKPT", [INTERVAL] = "DMT_UPDATE_CKPT_INTERVAL",
	[KILL] = "DMT_KILL", [QUIT] = "DMT_QUIT", [FORCE] = "DMT_FORCE",
	[GENERATIONS] = "DMT_GENERATIONS", [HELP] = "DMT_HELP",
};

struct command {
	struct coordinator_choice choice;
	struct coordinator_address address;
	enum verb verb;
	long seconds;
	bool json, quiet, progress, help, version;
	struct fault invalid; /* of the last command; an id says that it cannot be executed */
};

static const char *verb_json(const struct command *c)
{
	return c->version ? "DMT_VERSION" : verb_names[c->invalid.id[0] ? NONE : c->verb];
}

static enum verb find_verb(const char *word)
{
	const char *json = options_verb(word);

	for (enum verb v = STATUS; json && v <= HELP; v++)
		if (!strcmp(verb_names[v], json))
			return v;
	return NONE;
}

/* `i 5`, `i5`, `interval=5`. Returns how many arguments it took. */
static int read_interval(struct command *c, const char *word, const char *next)
{
	const char *value = word + (strncmp(word, "interval", 8) ? 1 : 8);
	int taken = 1;

	value += *value == '=';
	if (!*value && next) {
		value = next;
		taken = 2;
	}
	c->verb = INTERVAL;
	options_number("interval", value, 0, INT_MAX, &c->seconds, &c->invalid);
	return taken;
}

static int read_word(struct command *c, const char *argument, const char *next)
{
	const char *word = argument + strspn(argument, "-");

	c->invalid.id[0] = '\0';
	if (word[0] == 'i' && (word[1] == '\0' || strspn(word + 1, "0123456789") == strlen(word + 1) ||
			       !strncmp(word, "interval", 8)))
		return read_interval(c, word, next);
	c->verb = find_verb(word);
	if (c->verb == NONE)
		fault_set(&c->invalid, EINVAL, "bad-command", "'%s' is no command of dmtcp_command",
			  argument);
	return 1;
}

static int on_option(void *context, const char *name, const char *value, struct fault *fault)
{
	struct command *c = context;

	(void)fault;
	if (!strcmp(name, "coord-host"))
		c->choice.host = value;
	else if (!strcmp(name, "coord-port"))
		c->choice.port = value;
	else if (!strcmp(name, "tmpdir"))
		c->choice.tmpdir = value;
	else if (!strcmp(name, "json"))
		c->json = true;
	else if (!strcmp(name, "quiet"))
		c->quiet = true;
	else if (!strcmp(name, "progress"))
		c->progress = true;
	else if (!strcmp(name, "help"))
		c->help = true;
	else if (!strcmp(name, "version"))
		c->version = true;
	return 0;
}

/* -pl is no port; -h alone is help. */
static bool may_be_option(const char *argument)
{
	return argument[0] == '-' && (argument[1] == '-' || argument[1] == 'h' ||
				      (argument[1] == 'p' && (!argument[2] ||
							      isdigit((unsigned char)argument[2]))));
}

static int read_arguments(struct command *c, int argc, char **argv, struct fault *fault)
{
	for (int i = 1; i < argc;) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		int taken = 0;

		if (may_be_option(argv[i]))
			taken = options_try("command", argv[i], next, on_option, c, fault);
		if (taken < 0)
			return taken;
		if (!taken)
			taken = read_word(c, argv[i], next);
		i += taken;
	}
	c->help = c->help || c->verb == HELP;
	if (c->verb == NONE && !c->help && !c->version)
		fault_set(&c->invalid, EINVAL, "bad-command", "no command is given");
	return 0;
}

/* ---- answers ---- */

static json_t *json_answer(const struct command *c, const char *status)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:i}", "schema_version", 1, "command", verb_json(c),
			 "command_status", status, "coordinator_host", c->address.host,
			 "coordinator_port", (int)c->address.port);
}

static void print_json(json_t *object)
{
	char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;

	if (line)
		puts(line);
	free(line);
	json_decref(object);
}

/* The table of `list`; the caller frees it. */
static char *worker_table(const json_t *answer)
{
	const json_t *workers = json_object_get(answer, "workers"), *w;
	size_t bytes, i;
	char *text = NULL;
	FILE *f = open_memstream(&text, &bytes);

	if (!f)
		return NULL;
	fprintf(f, "Client List:\n#, PROG[virtPID:realPID]@HOST, DMTCP-UNIQUEPID, STATE, BARRIER\n");
	json_array_foreach(workers, i, w) {
		const char *state = json_text(w, "state", "UNKNOWN");
		char program[300];

		/* a line for each, whatever it calls itself */
		snprintf(program, sizeof(program), "%s", json_text(w, "program", "?"));
		fault_plain(program);
		fprintf(f, "%lld, %s[%lld:%lld]@%s, %s, %s%s, %s\n",
			(long long)json_number(w, "number", (int64_t)i + 1),
			program, (long long)json_number(w, "virtualPid", 0),
			(long long)json_number(w, "realPid", 0), json_text(w, "host", "?"),
			json_text(w, "uniquePid", "?"),
			strncmp(state, "WorkerState::", 13) ? "WorkerState::" : "", state,
			json_text(w, "barrier", ""));
	}
	fclose(f);
	return text;
}

/* In the words of the other answers: with underscores. */
static json_t *generation_list(const json_t *answer)
{
	json_t *list = json_array();
	const json_t *g;
	size_t i;

	json_array_foreach(json_object_get(answer, "generations"), i, g)
		json_array_append_new(list, json_pack(
			"{s:s, s:I, s:s, s:I, s:I, s:s, s:b}",
			"computation_id", json_text(g, "computationId", ""),
			"generation", (json_int_t)json_number(g, "generation", 0),
			"created", json_text(g, "created", ""),
			"processes", (json_int_t)json_number(g, "processes", 0),
			"bytes", (json_int_t)json_number(g, "bytes", 0),
			"script", json_text(g, "script", ""),
			"complete", (int)json_flag(g, "complete", false)));
	return list;
}

static void print_generations(const json_t *answer)
{
	const json_t *g;
	size_t i;

	printf("Generations:\n#, COMPUTATION, CREATED, PROCESSES, BYTES, RESTART SCRIPT\n");
	json_array_foreach(json_object_get(answer, "generations"), i, g)
		printf("%lld, %s, %s, %lld, %lld, %s%s\n",
		       (long long)json_number(g, "generation", 0), json_text(g, "computationId", ""),
		       json_text(g, "created", ""), (long long)json_number(g, "processes", 0),
		       (long long)json_number(g, "bytes", 0), json_text(g, "script", ""),
		       json_flag(g, "complete", false) ? "" : " (images are missing)");
}

static void answer_json(const struct command *c, const json_t *answer)
{
	json_t *object = json_answer(c, "DMT_COORD_SUCCESS");
	char *table;

	switch (c->verb) {
	case STATUS:
		json_object_set_new(object, "num_peers",
				    json_integer(json_number(answer, "peers", 0)));
		json_object_set_new(object, "running", json_boolean(json_flag(answer, "running", false)));
		json_object_set_new(object, "checkpoint_interval",
				    json_integer(json_number(answer, "interval", 0)));
		if (!strcmp(json_text(answer, "phase", ""), "restart"))
			json_object_set_new(object, "restarting", /* who waits for its members */
					    json_string(json_text(answer, "computationId", "")));
		break;
	case LIST:
		table = worker_table(answer);
		json_object_set_new(object, "workers", json_string(table ? table : ""));
		free(table);
		break;
	case CHECKPOINT:
	case BLOCKING:
	case KILL_AFTER:
		json_object_set_new(object, "num_peers",
				    json_integer(json_number(answer, "peers", 0)));
		break;
	case GENERATIONS:
		json_object_set_new(object, "generations", generation_list(answer));
		break;
	case INTERVAL:
		json_object_set_new(object, "checkpoint_interval",
				    json_integer(json_number(answer, "interval", c->seconds)));
		break;
	default:
		break;
	}
	print_json(object);
}

static void print_coordinator(const struct command *c)
{
	printf("Coordinator:\n  Host: %s\n  Port: %u\n", c->address.host, c->address.port);
}

static void answer_text(const struct command *c, const json_t *answer)
{
	long long interval = json_number(answer, "interval", 0);
	char *table;

	switch (c->verb) {
	case STATUS:
		print_coordinator(c);
		printf("Status...\n  NUM_PEERS=%lld\n  RUNNING=%s\n  CKPT_INTERVAL=",
		       (long long)json_number(answer, "peers", 0),
		       json_flag(answer, "running", false) ? "yes" : "no");
		if (interval)
			printf("%lld\n", interval);
		else
			printf("0 (checkpoint manually)\n");
		break;
	case LIST:
		print_coordinator(c);
		table = worker_table(answer);
		printf("%s", table ? table : "");
		free(table);
		break;
	case GENERATIONS:
		print_generations(answer);
		break;
	case INTERVAL:
		printf("Interval changed to %lld\n", (long long)json_number(answer, "interval", c->seconds));
		break;
	default:
		break;
	}
}

static int fail(const struct command *c, const struct fault *fault)
{
	bool not_running = !strcmp(fault->id, "not-running");
	bool not_found = !strcmp(fault->id, "coordinator-unreachable");

	if (c->json) {
		json_t *object = json_answer(c, not_running ? "DMT_COORD_NOT_RUNNING" :
						not_found   ? "DMT_COORD_NOT_FOUND" :
							      "DMT_COORD_COMMAND_FAILED");

		json_object_set_new(object, "error_id", json_string(fault->id));
		json_object_set_new(object, "error", json_from_text(fault->text));
		print_json(object);
	} else if (not_running && c->verb != FORCE) {
		fprintf(stderr, "Error: the computation is not in the running state. Either a checkpoint "
				"is\nhappening now, or no process is connected.\n");
	} else if (not_found) {
		fprintf(stderr, "Coordinator not found. Please check port and host.\n");
		fail_print("dmtcp_command", fault);
	} else {
		fail_print("dmtcp_command", fault);
	}
	return EXIT_COMMAND_FAILED;
}

/* ---- the work ---- */

static json_t *request_of(const struct command *c)
{
	switch (c->verb) {
	case STATUS:
		return json_pack("{s:s}", "op", "status");
	case LIST:
		return json_pack("{s:s}", "op", "list");
	case CHECKPOINT:
	case BLOCKING:
	case KILL_AFTER:
		return json_pack("{s:s, s:b, s:b}", "op", "checkpoint", "blocking", c->verb == BLOCKING,
				 "kill", c->verb == KILL_AFTER);
	case INTERVAL:
		return json_pack("{s:s, s:i}", "op", "interval", "seconds", (int)c->seconds);
	case KILL:
		return json_pack("{s:s}", "op", "kill");
	case QUIT:
		return json_pack("{s:s}", "op", "quit");
	case GENERATIONS:
		return json_pack("{s:s}", "op", "generations");
	default:
		return json_pack("{s:s}", "op", "force");
	}
}

/* Of --json exactly one line is expected, unless more are asked for. */
static enum progress_form progress_form(const struct command *c)
{
	if (c->json)
		return c->progress ? PROGRESS_JSON : PROGRESS_NONE;
	return c->quiet || fail_quiet(fail_quiet_environment()) ? PROGRESS_NONE : PROGRESS_WORDS;
}

/* A coordinator of another host is spoken to through the agent of this one, as DMTCP_HOST promises. */
static int reach(const struct command *c, struct local_client **out, struct fault *fault)
{
	if (c->address.on_this_host || !c->address.port)
		return coordinator_connect(&c->choice, &c->address, out, fault);
	return agent_reach(&c->choice, &c->address, out, fault);
}

static int exchange(const struct command *c, json_t **answer, struct fault *fault)
{
	struct local_client *client;
	struct fault ignored = { 0 };
	json_t *request;
	int ret = reach(c, &client, fault), server;

	*answer = NULL;
	if (ret < 0)
		return ret;
	server = c->verb == QUIT ? local_server(client) : -1;
	request = request_of(c);
	ret = request ? local_send(client, request, ANSWER_MS, fault) : -ENOMEM;
	if (ret == 0 && c->verb == BLOCKING)
		ret = progress_receive(client, &c->choice, &c->address, progress_form(c), answer,
				       fault);
	else if (ret == 0 && c->verb == QUIT) /* it may be gone before it has answered */
		local_receive(client, QUIT_MS, answer, &ignored);
	else if (ret == 0)
		ret = local_receive(client, ANSWER_MS, answer, fault);
	json_decref(request);
	local_close(client);
	if (server >= 0)
		local_await_end(server, ret == 0 ? END_MS : 0); /* its port and files are free then */
	return ret;
}

/*
 * Run by a program of the computation, we would be part of the checkpoint we wait for. So we step
 * outside; for a checkpoint, what the program started ends at once and a stranger does the work.
 */
static void step_outside(const struct command *c, char **argv)
{
	bool checkpoint = c->verb == CHECKPOINT || c->verb == BLOCKING || c->verb == KILL_AFTER;

	if (!getenv("DMTCP_COMPUTATION_ID"))
		return;
	outside_environment();
	if (checkpoint && fork() > 0)
		_exit(EXIT_DONE);
	if (checkpoint)
		setsid();
	execv("/proc/self/exe", argv); /* the marker is only seen in the environment after exec(2) */
}

/* What was asked cannot be understood. */
static int usage(const struct command *c, const struct fault *fault)
{
	json_t *object;

	if (!c->json) {
		fail_print("dmtcp_command", fault);
		return EXIT_USAGE;
	}
	object = json_answer(c, "DMT_COORD_INVALID_COMMAND");
	json_object_set_new(object, "error_id", json_string(fault->id));
	json_object_set_new(object, "error", json_from_text(fault->text));
	print_json(object);
	return EXIT_COMMAND_FAILED;
}

static void tell_about(const struct command *c)
{
	if (!c->json) {
		if (c->help)
			options_help("command");
		else
			options_version("command");
	} else if (c->help) {
		print_json(json_answer(c, "DMT_COORD_SUCCESS"));
	} else {
		print_json(json_pack("{s:i, s:s, s:s, s:s}", "schema_version", 1, "command",
				     verb_json(c), "command_status", "DMT_COORD_SUCCESS", "version",
				     DMTCP_AKKA_VERSION));
	}
}

int main(int argc, char **argv)
{
	struct command c = { 0 };
	struct fault fault = { 0 };
	json_t *answer;

	fail_prepare(false);
	if (read_arguments(&c, argc, argv, &fault) < 0 ||
	    coordinator_resolve(&c.choice, &c.address, &fault) < 0)
		return usage(&c, &fault);
	if (c.help || c.version) {
		if (c.help)
			c.verb = HELP;
		tell_about(&c);
		return fail_flush("dmtcp_command", EXIT_COMMAND_FAILED);
	}
	if (c.invalid.id[0])
		return usage(&c, &c.invalid);
	step_outside(&c, argv);
	if (exchange(&c, &answer, &fault) < 0)
		return fail(&c, &fault);
	if (c.json)
		answer_json(&c, answer);
	else
		answer_text(&c, answer);
	json_decref(answer);
	return fail_flush("dmtcp_command", EXIT_COMMAND_FAILED);
}
