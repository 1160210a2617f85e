/* How the commands tell of a failure, and the status they end with. */
#include "fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "../common/json.h"

#define SLEEP_SECONDS 3600 /* for a debugger; nothing waits for ever */

static FILE *said_elsewhere; /* JALIB_STDERR_PATH */
static bool in_json;

int fail_code(void)
{
	const char *text = getenv("DMTCP_FAIL_RC");
	char *end;
	long code;

	if (!text || !*text)
		return EXIT_FAIL;
	code = strtol(text, &end, 10);
	return *end || code < 1 || code > 255 ? EXIT_FAIL : (int)code;
}

int fail_quiet_environment(void)
{
	const char *text = getenv("DMTCP_QUIET");

	return text && *text >= '0' && *text <= '9' ? atoi(text) : 0;
}

int fail_quiet(int quiet)
{
	static const struct {
		const char *word, *number;
		int quiet;
	} levels[] = {
		{ "error", "0", 2 }, { "warn", "1", 1 }, { "warning", "1", 1 },
		{ "note", "2", 0 }, { "trace", "3", 0 },
	};
	const char *level = getenv("DMTCP_LOG_LEVEL");

	for (size_t i = 0; level && i < sizeof(levels) / sizeof(*levels); i++)
		if (!strcasecmp(level, levels[i].word) || !strcmp(level, levels[i].number))
			return levels[i].quiet;
	return quiet;
}

static FILE *errors(void)
{
	return said_elsewhere ? said_elsewhere : stderr;
}

static void log_line(const char *level, const char *command, const char *text, const char *id)
{
	const char *path = getenv("DMTCP_LOG_FILE");
	time_t now = time(NULL);
	char stamp[32] = "";
	struct tm local;
	int fd;

	if (!path || !*path)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0)
		return; /* standard error has it */
	if (localtime_r(&now, &local))
		strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &local);
	dprintf(fd, "%s %s %s: %s [%s]\n", stamp, level, command, text, id);
	close(fd);
}

void fail_hold_pipe(sigset_t *before)
{
	sigset_t pipe_only;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, before);
}

void fail_release_pipe(const sigset_t *before)
{
	struct timespec now = { 0 };
	sigset_t pipe_only;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	if (!sigismember(before, SIGPIPE)) /* else it is not ours to take */
		sigtimedwait(&pipe_only, NULL, &now);
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

void fail_as_json(void)
{
	in_json = true;
}

static void print_json(json_t *object)
{
	char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;

	if (line)
		fprintf(errors(), "%s\n", line);
	free(line);
	json_decref(object);
}

static void print_error(const char *command, const struct fault *fault)
{
	const char *remedy = fault_remedy(fault->id);

	fprintf(errors(), "%s: error: %s [%s]\n", command, fault->text, fault->id);
	if (*remedy)
		fprintf(errors(), "    %s\n", remedy);
}

void fail_print(const char *command, const struct fault *fault)
{
	sigset_t before;

	fail_hold_pipe(&before);
	if (in_json)
		print_json(json_pack("{s:s, s:o, s:s}", "error_id", fault->id, "error",
				     json_from_text(fault->text), "remedy",
				     fault_remedy(fault->id)));
	else
		print_error(command, fault);
	fflush(errors());
	fail_release_pipe(&before);
	log_line("ERROR", command, fault->text, fault->id);
}

bool fail_read(const char *printed, struct fault *fault)
{
	static const char mark[] = ": error: ";
	const char *text = strstr(printed, mark), *line_end, *id;

	if (!text)
		return false;
	text += sizeof(mark) - 1;
	line_end = text + strcspn(text, "\n");
	for (id = line_end; id > text && *id != '['; id--)
		;
	if (id - 1 <= text || line_end[-1] != ']' || line_end - id >= FAULT_ID_BYTES)
		return false;
	snprintf(fault->id, sizeof(fault->id), "%.*s", (int)(line_end - id) - 2, id + 1);
	snprintf(fault->text, sizeof(fault->text), "%.*s", (int)(id - 1 - text), text);
	return true;
}

/* @kind is the name in JSON. */
static void say(const char *command, const char *kind, const char *mark, const char *text)
{
	sigset_t before;

	fail_hold_pipe(&before);
	if (in_json)
		print_json(json_pack("{s:o}", kind, json_from_text(text)));
	else
		fprintf(errors(), "%s: %s%s\n", command, mark, text);
	fflush(errors());
	fail_release_pipe(&before);
}

void fail_warn(const char *command, const char *format, ...)
{
	char text[FAULT_TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	say(command, "warning", "warning: ", text);
	log_line("WARN", command, text, "warning");
}

void fail_note(const char *command, const char *text)
{
	say(command, "note", "", text);
}

int fail_end(void)
{
	if (getenv("DMTCP_ABORT_ON_FAILURE"))
		abort();
	if (getenv("DMTCP_SLEEP_ON_FAILURE")) {
		fprintf(errors(), "process %d waits for a debugger\n", (int)getpid());
		sleep(SLEEP_SECONDS);
	}
	return fail_code();
}

/* Those of our own stay unwritable, so that nobody takes what was not written for written. */
static void open_missing(bool keep)
{
	int fd;

	do
		fd = open("/dev/null", keep ? O_RDWR : O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void fail_prepare(bool keep)
{
	const char *path = getenv("JALIB_STDERR_PATH");

	open_missing(keep);
	if (path && *path)
		said_elsewhere = fopen(path, "ae");
}

void fail_redirect(void)
{
	if (said_elsewhere)
		dup2(fileno(said_elsewhere), STDERR_FILENO);
}

int fail_flush(const char *command, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_DONE;
	if (errno != EPIPE) /* the reader has seen enough */
		fprintf(errors(), "%s: standard output: %s\n", command, strerror(errno));
	return status;
}
