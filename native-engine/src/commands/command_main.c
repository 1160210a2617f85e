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
#include "start_coordinator.h"
#include "version.h"

#define ANSWER_MS 30000
#define QUIT_MS 2000

enum verb { NONE, STATUS, LIST, CHECKPOINT, BLOCKING, KILL_AFTER, INTERVAL, KILL, QUIT, FORCE, HELP };

static const struct {
	enum verb verb;
	const char *words; /* without dashes, in blanks */
	const char *json;
} verbs[] = {
	{ STATUS, " s status ", "DMT_STATUS" },
	{ LIST, " l list t ", "DMT_LIST" },
	{ CHECKPOINT, " c checkpoint ", "DMT_CHECKPOINT" },
	{ BLOCKING, " bc bcheckpoint ", "DMT_BLOCKING_CKPT" },
	{ KILL_AFTER, " kc ck K Kc kcheckpoint ", "DMT_KILL_AFTER_CKPT" },
	{ INTERVAL, " i interval ", "DMT_UPDATE_CKPT_INTERVAL" },
	{ KILL, " k kill ", "DMT_KILL" },
	{ QUIT, " q quit ", "DMT_QUIT" },
	{ FORCE, " f force ", "DMT_FORCE" },
	{ HELP, " h help ? ", "DMT_HELP" },
};

struct command {
	struct coordinator_choice choice;
	struct coordinator_address address;
	enum verb verb;
	long seconds;
	bool json, help, version, invalid;
};

static const char usage_text[] =
	"Usage: dmtcp_command [OPTIONS] COMMAND\n"
	"Sends a command to the coordinator.\n\n"
	"Commands (leading dashes do not matter; of several only the last is executed):\n"
	"  s, status               Show the state of the computation\n"
	"  l, list                 List its processes\n"
	"  c, checkpoint           Start a checkpoint and return at once\n"
	"  bc, bcheckpoint         Checkpoint, and return when it is committed\n"
	"  kc, kcheckpoint         Checkpoint, then end all processes\n"
	"  i, interval SECONDS     Change the time between automatic checkpoints (0: none)\n"
	"  f, force                Go on with a restart although processes are missing\n"
	"  k, kill                 End all processes\n"
	"  q, quit                 End all processes and the coordinator\n\n"
	"Options:\n"
	"  -h, --coord-host, --host HOST  Host of the coordinator (default: localhost)\n"
	"                                 [DMTCP_COORD_HOST, DMTCP_HOST]\n"
	"  -p, --coord-port, --port N     Its port (default: 7779) [DMTCP_COORD_PORT, DMTCP_PORT]\n"
	"  -t, --tmpdir DIR               Where the commands of a user meet [DMTCP_TMPDIR, TMPDIR]\n"
	"  --json                         Answer with one JSON object on one line\n"
	"  --help, --version              Show this text, or the version\n\n"
	"Exit status: 0; 1 usage; 2 the command failed (and usage, with --json).\n";

static const char *verb_json(const struct command *c)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (verbs[i].verb == c->verb)
			return verbs[i].json;
	return c->version ? "DMT_VERSION" : "DMT_INVALID_COORDINATOR_COMMAND";
}

static enum verb find_verb(const char *word)
{
	char padded[32];

	snprintf(padded, sizeof(padded), " %s ", word);
	for (size_t i = 0; *word && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strstr(verbs[i].words, padded))
			return verbs[i].verb;
	return NONE;
}

/* `i 5`, `i5`, `interval=5`. Returns how many arguments it took. */
static int read_interval(struct command *c, const char *word, const char *next)
{
	const char *value = word + (strncmp(word, "interval", 8) ? 1 : 8);
	struct fault ignored = { 0 };
	int taken = 1;

	value += *value == '=';
	if (!*value && next) {
		value = next;
		taken = 2;
	}
	c->verb = INTERVAL;
	c->invalid = options_number("interval", value, 0, INT_MAX, &c->seconds, &ignored) < 0;
	return taken;
}

static int read_word(struct command *c, const char *argument, const char *next)
{
	const char *word = argument + strspn(argument, "-");

	c->invalid = false;
	if (word[0] == 'i' && (word[1] == '\0' || strspn(word + 1, "0123456789") == strlen(word + 1) ||
			       !strncmp(word, "interval", 8)))
		return read_interval(c, word, next);
	c->verb = find_verb(word);
	c->invalid = c->verb == NONE;
	return 1;
}

/* The value of option @argument when it is one of @names or -@letter: @next, or part of it. */
static int option_value(const char *argument, const char *next, char letter, const char *const *names,
			const char **value)
{
	if (argument[0] == '-' && argument[1] == letter && !argument[2] && next) {
		*value = next;
		return 2;
	}
	if (argument[0] == '-' && argument[1] == letter && isdigit((unsigned char)argument[2])) {
		*value = argument + 2; /* -p7779, but not -help */
		return 1;
	}
	for (; *names; names++) {
		size_t n = strlen(*names);

		if (strncmp(argument, *names, n))
			continue;
		if (argument[n] == '=') {
			*value = argument + n + 1;
			return 1;
		}
		if (!argument[n] && next) {
			*value = next;
			return 2;
		}
	}
	return 0;
}

static int read_flag(struct command *c, const char *argument)
{
	if (!strcmp(argument, "--json"))
		c->json = true;
	else if (!strcmp(argument, "--help"))
		c->help = true;
	else if (!strcmp(argument, "--version"))
		c->version = true;
	else
		return 0;
	return 1;
}

static void read_arguments(struct command *c, int argc, char **argv)
{
	static const char *const host[] = { "--coord-host", "--host", NULL };
	static const char *const port[] = { "--coord-port", "--port", NULL };
	static const char *const tmpdir[] = { "--tmpdir", NULL };

	for (int i = 1; i < argc;) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		int taken = read_flag(c, argv[i]);

		if (!taken)
			taken = option_value(argv[i], next, 'h', host, &c->choice.host);
		if (!taken)
			taken = option_value(argv[i], next, 'p', port, &c->choice.port);
		if (!taken)
			taken = option_value(argv[i], next, '\n', tmpdir, &c->choice.tmpdir);
		if (!taken)
			taken = read_word(c, argv[i], next);
		i += taken;
	}
	c->help = c->help || c->verb == HELP;
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

		fprintf(f, "%lld, %s[%lld:%lld]@%s, %s, %s%s, %s\n",
			(long long)json_number(w, "number", (int64_t)i + 1),
			json_text(w, "program", "?"), (long long)json_number(w, "virtualPid", 0),
			(long long)json_number(w, "realPid", 0), json_text(w, "host", "?"),
			json_text(w, "uniquePid", "?"),
			strncmp(state, "WorkerState::", 13) ? "WorkerState::" : "", state,
			json_text(w, "barrier", ""));
	}
	fclose(f);
	return text;
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
	} else if (not_running) {
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
	default:
		return json_pack("{s:s}", "op", "force");
	}
}

static int exchange(const struct command *c, json_t **answer, struct fault *fault)
{
	struct local_client *client;
	struct fault ignored = { 0 };
	json_t *request;
	int ret = coordinator_connect(&c->choice, &c->address, &client, fault);

	*answer = NULL;
	if (ret < 0)
		return ret;
	request = request_of(c);
	ret = request ? local_send(client, request, ANSWER_MS, fault) : -ENOMEM;
	if (ret == 0 && c->verb == BLOCKING)
		ret = local_receive_patiently(client, answer, fault);
	else if (ret == 0 && c->verb == QUIT) /* it may be gone before it has answered */
		local_receive(client, QUIT_MS, answer, &ignored);
	else if (ret == 0)
		ret = local_receive(client, ANSWER_MS, answer, fault);
	json_decref(request);
	local_close(client);
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

static int usage(const struct command *c)
{
	if (c->json)
		print_json(json_answer(c, "DMT_COORD_INVALID_COMMAND"));
	else
		fprintf(stderr, "%s", usage_text);
	return c->json ? EXIT_COMMAND_FAILED : EXIT_USAGE;
}

static int tell_about(const struct command *c)
{
	if (!c->json) {
		if (c->help)
			printf("%s", usage_text);
		else
			options_version("command");
	} else if (c->help) {
		print_json(json_answer(c, "DMT_COORD_SUCCESS"));
	} else {
		print_json(json_pack("{s:i, s:s, s:s, s:s}", "schema_version", 1, "command",
				     verb_json(c), "command_status", "DMT_COORD_SUCCESS", "version",
				     DMTCP_AKKA_VERSION));
	}
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct command c = { 0 };
	struct fault fault = { 0 };
	json_t *answer;

	read_arguments(&c, argc, argv);
	if (coordinator_resolve(&c.choice, &c.address, &fault) < 0) {
		if (!c.json)
			fail_print("dmtcp_command", &fault);
		return usage(&c);
	}
	if (c.help || c.version) {
		if (c.help)
			c.verb = HELP;
		return tell_about(&c);
	}
	if (c.verb == NONE || c.invalid)
		return usage(&c);
	step_outside(&c, argv);
	if (exchange(&c, &answer, &fault) < 0)
		return fail(&c, &fault);
	if (c.json)
		answer_json(&c, answer);
	else
		answer_text(&c, answer);
	json_decref(answer);
	return EXIT_DONE;
}
