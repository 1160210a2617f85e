/* dmtcp_restart: brings the processes of checkpoint images back. See builder.h and front.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../commands/fail.h"
#include "../commands/options.h"
#include "../commands/runtime_paths.h"
#include "../commands/start_coordinator.h"
#include "builder.h"
#include "coordinator_link.h"
#include "front.h"

#define COMMAND "dmtcp_restart"
#define INTERVAL_MAX 1000000000L /* seconds */

struct restart {
	struct coordinator_choice choice;
	const char *port_file, *checkpoint_dir, *restart_dir, *interval, *manifest_id;
	bool no_coordinator, no_strict_checking, json, help, version;
	int quiet;
	char **paths;
	size_t path_count;
	const char **named; /* with --image */
	size_t named_count;
};

static int add_named(struct restart *r, const char *path, struct fault *fault)
{
	const char **more = realloc(r->named, (r->named_count + 1) * sizeof(*more));

	if (!more)
		return fault_set(fault, ENOMEM, "out-of-memory", "list of images");
	r->named = more;
	r->named[r->named_count++] = path;
	return 0;
}

static int on_option(void *context, const char *name, const char *value, struct fault *fault)
{
	struct restart *r = context;
	long number;

	if (!strcmp(name, "coord-host"))
		r->choice.host = value;
	else if (!strcmp(name, "coord-port"))
		r->choice.port = value;
	else if (!strcmp(name, "port-file"))
		r->port_file = value;
	else if (!strcmp(name, "join-coordinator"))
		r->choice.mode = COORDINATOR_JOIN;
	else if (!strcmp(name, "new-coordinator"))
		r->choice.mode = COORDINATOR_NEW;
	else if (!strcmp(name, "any-coordinator"))
		r->choice.mode = COORDINATOR_ANY;
	else if (!strcmp(name, "ckptdir"))
		r->checkpoint_dir = value;
	else if (!strcmp(name, "restartdir"))
		r->restart_dir = value;
	else if (!strcmp(name, "manifest-id"))
		r->manifest_id = value;
	else if (!strcmp(name, "image"))
		return add_named(r, value, fault);
	else if (!strcmp(name, "tmpdir"))
		r->choice.tmpdir = value;
	else if (!strcmp(name, "coord-logfile"))
		r->choice.log_file = value;
	else if (!strcmp(name, "no-strict-checking"))
		r->no_strict_checking = true;
	else if (!strcmp(name, "no-coordinator"))
		r->no_coordinator = true;
	else if (!strcmp(name, "json")) {
		r->json = true;
		fail_as_json();
	} else if (!strcmp(name, "quiet"))
		r->quiet++;
	else if (!strcmp(name, "help"))
		r->help = true;
	else if (!strcmp(name, "version"))
		r->version = true;
	else if (!strcmp(name, "debug-restart-pause"))
		return options_number(name, value, 1, 7, &number, fault);
	else if (!strcmp(name, "interval")) {
		r->interval = value;
		return options_number(name, value, 0, INTERVAL_MAX, &number, fault);
	}
	return 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t bytes = strlen(text), end_bytes = strlen(end);

	return bytes >= end_bytes && !strcmp(text + bytes - end_bytes, end);
}

static int find_images(struct restart *r, int count, char *arguments[], struct fault *fault)
{
	if (r->restart_dir && (count || r->named_count))
		return fault_set(fault, EINVAL, "bad-option",
				 "--restartdir and images are given: only one can be meant");
	if (r->restart_dir)
		return image_set_list(r->restart_dir, &r->paths, &r->path_count, fault);
	r->paths = calloc(count + r->named_count + 1, sizeof(*r->paths));
	if (!r->paths)
		return fault_set(fault, ENOMEM, "out-of-memory", "list of images");
	for (size_t i = 0; i < r->named_count; i++) {
		r->paths[r->path_count++] = strdup(r->named[i]);
		if (!r->paths[r->path_count - 1])
			return fault_set(fault, ENOMEM, "out-of-memory", "list of images");
	}
	for (int i = 0; i < count; i++) {
		if (ends_with(arguments[i], "_files"))
			continue; /* saved open files beside their image */
		if (!ends_with(arguments[i], ".dmtcp"))
			return fault_set(fault, EINVAL, "bad-option",
					 "%s is no checkpoint image, whose name ends in .dmtcp",
					 arguments[i]);
		r->paths[r->path_count++] = strdup(arguments[i]);
		if (!r->paths[r->path_count - 1])
			return fault_set(fault, ENOMEM, "out-of-memory", "list of images");
	}
	if (!r->path_count)
		return fault_set(fault, EINVAL, "bad-option", "no checkpoint image is given");
	return 0;
}

/* Where later images go; made here, so that a wrong name is told now and not at a checkpoint. */
static int make_checkpoint_dir(const struct restart *r, struct fault *fault)
{
	int ret;

	if (!r->checkpoint_dir || !*r->checkpoint_dir)
		return 0;
	ret = runtime_make_directories(r->checkpoint_dir);
	if (ret == 0 && faccessat(AT_FDCWD, r->checkpoint_dir, W_OK | X_OK, AT_EACCESS))
		ret = -errno;
	if (ret < 0)
		return fault_set(fault, -ret, "image-unwritable", "%s: %s", r->checkpoint_dir,
				 strerror(-ret));
	return 0;
}

/* As DMTCP does: three lines, unless somebody says that it is meant. */
static void warn_root(const struct restart *r)
{
	if (geteuid() == 0 && !r->no_strict_checking && fail_quiet(r->quiet) < 2)
		fail_warn(COMMAND, "running as root: the restarted programs get all its power.\n"
			  "    Who made the images decides what runs: take them from nobody you do "
			  "not trust.\n"
			  "    --no-strict-checking, or --quiet twice, says that you know.");
}

static enum progress_form progress_form(const struct restart *r)
{
	if (r->json)
		return PROGRESS_JSON;
	return fail_quiet(r->quiet) ? PROGRESS_NONE : PROGRESS_WORDS;
}

static int restart(struct restart *r, int *status, struct fault *fault)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct restart_progress progress;
	struct image_set_options set_options = {
		.strict = !r->no_strict_checking, .skip_leftovers = r->restart_dir != NULL,
		.manifest_id = r->manifest_id, .workers = processors > 0 ? processors : 1,
		.progress = &progress,
	};
	struct front_options front_options = { .quiet = fail_quiet(r->quiet) > 1,
					       .progress = &progress };
	struct image_set set;
	int ret;

	warn_root(r);
	restart_progress_begin(&progress, progress_form(r));
	ret = image_set_open(&set, r->paths, r->path_count, &set_options, fault);
	restart_progress_clear(&progress);
	if (ret < 0)
		return ret;
	ret = make_checkpoint_dir(r, fault);
	if (ret == 0 && r->no_coordinator)
		ret = image_set_check_complete(&set, fault);
	if (ret == 0 && !r->no_coordinator) {
		const struct coordinator_link_options link = {
			.choice = &r->choice, .port_file = r->port_file,
			.checkpoint_dir = r->checkpoint_dir, .interval = r->interval,
		};

		ret = coordinator_link_open(&front_options.coordinator, &set, &link, fault);
	}
	if (ret == 0)
		ret = front_run(&set, &front_options, status, fault);
	coordinator_link_close(front_options.coordinator);
	image_set_close(&set);
	return ret;
}

/* As the program ended: by the same signal, without leaving a core of ours. */
static int end_like(int status)
{
	struct rlimit none = { 0, 0 };
	sigset_t signals;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	setrlimit(RLIMIT_CORE, &none);
	signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&signals);
	sigaddset(&signals, WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

int main(int argc, char *argv[])
{
	struct restart r = { 0 };
	struct fault fault = { 0 };
	int first, status = 0, ret;
	long number;

	if (argc > 1 && !strcmp(argv[1], BUILDER_OPTION))
		return builder_main(argc, argv);
	fail_prepare(true);
	r.no_strict_checking = getenv("DMTCP_DISABLE_STRICT_CHECKING") != NULL;
	r.checkpoint_dir = getenv("DMTCP_CHECKPOINT_DIR");
	r.interval = getenv("DMTCP_CHECKPOINT_INTERVAL");
	r.choice.log_file = getenv("DMTCP_COORD_LOG_FILENAME");
	r.quiet = fail_quiet_environment();
	first = options_read("restart", argc, argv, on_option, &r, &fault);
	if (first >= 0 && (r.help || r.version)) {
		if (r.help)
			options_help("restart");
		else
			options_version("restart");
		return fail_flush(COMMAND, fail_code());
	}
	ret = first < 0 ? first : 0;
	if (ret >= 0 && r.interval && *r.interval)
		ret = options_number("interval", r.interval, 0, INTERVAL_MAX, &number, &fault);
	if (ret >= 0 && getenv("DMTCP_COMPUTATION_ID"))
		ret = fault_set(&fault, EPERM, "inside-computation",
				COMMAND " is run by a program that is itself under checkpoint "
				"control");
	if (ret >= 0)
		ret = find_images(&r, argc - first, argv + first, &fault);
	if (ret == 0)
		ret = restart(&r, &status, &fault);
	for (size_t i = 0; i < r.path_count; i++)
		free(r.paths[i]);
	free(r.paths);
	free(r.named);
	if (ret == 0)
		return end_like(status);
	fault_set(&fault, -ret, "internal", "%s", strerror(-ret));
	fail_print(COMMAND, &fault);
	return fail_end();
}
