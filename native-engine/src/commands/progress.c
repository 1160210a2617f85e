/* Waiting for a checkpoint, with a word about how far it is. */
#include "progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/json.h"
#include "../common/monotonic.h"
#include "start_command.h"

#define FIRST_MS 1000 /* what is over sooner needs no words */
#define AGAIN_MS 500
#define FIRST_SPARSE_MS 5000 /* in a log; then after twice the time */
#define ASK_MS 10000
/* DECAWM: what is longer than the line is cut; wrapped, it could not be drawn again. */
#define NO_WRAP "\033[?7l"
#define WRAP "\033[?7h"

static void print_size(FILE *f, uint64_t bytes)
{
	if (bytes < 1ull << 30)
		fprintf(f, "%.1f MiB", bytes / 1048576.0);
	else
		fprintf(f, "%.1f GiB", bytes / 1073741824.0);
}

void progress_begin(struct progress_line *line)
{
	line->started_ms = monotonic_ms();
	line->next_ms = line->started_ms + (isatty(STDERR_FILENO) ? FIRST_MS : FIRST_SPARSE_MS);
	line->drawn = false;
}

void progress_tell(struct progress_line *line, const char *what, uint64_t done, uint64_t all,
		   uint64_t elapsed_ms, const char *who)
{
	char plain[300];
	bool terminal = isatty(STDERR_FILENO);
	uint64_t now = monotonic_ms(), rate = elapsed_ms ? done * 1000 / elapsed_ms : 0;

	if (now < line->next_ms)
		return;
	snprintf(plain, sizeof(plain), "%s", who);
	fault_plain(plain);
	line->next_ms = terminal ? now + AGAIN_MS : now + (now - line->started_ms);
	fprintf(stderr, "%s%s", terminal ? "\r" NO_WRAP : "", what);
	if (all) {
		fprintf(stderr, ", ");
		print_size(stderr, done);
		fprintf(stderr, " of ");
		print_size(stderr, all);
	}
	if (all && rate) {
		fprintf(stderr, ", ");
		print_size(stderr, rate);
		fprintf(stderr, "/s, %" PRIu64 " s left", (all - done + rate - 1) / rate);
	}
	fprintf(stderr, "%s%s%s", *plain ? "; " : "", plain, terminal ? "\033[K" WRAP : "\n");
	fflush(stderr);
	line->drawn = terminal;
}

void progress_end(struct progress_line *line)
{
	if (line->drawn)
		fprintf(stderr, "\r\033[K");
	line->drawn = false;
}

void progress_tell_json(struct progress_line *line, FILE *out, const char *phase, uint64_t done,
			uint64_t all, uint64_t elapsed_ms, const char *slowest)
{
	json_t *object;
	char *text;

	if (monotonic_ms() < line->next_ms)
		return;
	line->next_ms = monotonic_ms() + AGAIN_MS;
	object = json_pack("{s:s, s:I, s:I, s:I, s:o}", "phase", phase,
			   "elapsed_ms", (json_int_t)elapsed_ms, "done_bytes", (json_int_t)done,
			   "total_bytes", (json_int_t)all, "slowest", json_from_text(slowest));
	text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	if (text)
		fprintf(out, "%s\n", text);
	fflush(out);
	free(text);
	json_decref(object);
}

static void tell(struct progress_line *line, enum progress_form form, const json_t *p)
{
	const char *phase = json_text(p, "phase", ""), *slowest = json_text(p, "slowest", "");
	uint64_t done = json_number(p, "doneBytes", 0), all = json_number(p, "rawBytes", 0);
	uint64_t elapsed_ms = json_number(p, "elapsedMillis", 0);
	char what[64], who[300] = "";

	if (form == PROGRESS_JSON) {
		progress_tell_json(line, stdout, phase, done, all, elapsed_ms, slowest);
		return;
	}
	snprintf(what, sizeof(what), "Checkpoint: %.40s", phase);
	if (*slowest)
		snprintf(who, sizeof(who), "slowest: %.280s", slowest);
	progress_tell(line, what, done, all, elapsed_ms, who);
}

/* A refusal is an answer too: the checkpoint has just ended, or its coordinator is an older one. */
static int ask(struct local_client *second, struct progress_line *line, enum progress_form form,
	       struct fault *fault)
{
	struct fault reason = { 0 };
	json_t *request = json_pack("{s:s}", "op", "progress"), *answer = NULL;
	int ret = request ? local_request(second, request, ASK_MS, &answer, &reason) : -ENOMEM;

	json_decref(request);
	if (ret == 0)
		tell(line, form, answer);
	else if (ret != -EREMOTEIO)
		return fault_set(fault, -ret, reason.id, "%s", reason.text);
	json_decref(answer);
	return 0;
}

int progress_receive(struct local_client *client, const struct coordinator_choice *choice,
		     const struct coordinator_address *address, enum progress_form form,
		     json_t **answer, struct fault *fault)
{
	struct local_client *second = NULL;
	struct progress_line line;
	uint32_t wait_ms = FIRST_MS;
	int ret;

	if (form == PROGRESS_NONE)
		return local_receive_patiently(client, answer, fault);
	progress_begin(&line);
	if (form == PROGRESS_JSON)
		line.next_ms = line.started_ms; /* asked for: also of a short one */
	for (;;) {
		struct fault reason = { 0 };

		ret = local_receive(client, wait_ms, answer, &reason);
		if (ret != -ETIMEDOUT) {
			if (ret < 0)
				fault_set(fault, -ret, reason.id, "%s", reason.text);
			break;
		}
		wait_ms = AGAIN_MS;
		ret = second ? 0 : coordinator_connect(choice, address, &second, fault);
		if (ret == 0)
			ret = ask(second, &line, form, fault);
		if (ret < 0)
			break;
	}
	progress_end(&line);
	local_close(second);
	return ret;
}
