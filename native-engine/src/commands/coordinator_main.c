/*
 * dmtcp_coordinator: becomes the Java program that is the coordinator. What needs no Java (help, bad
 * options, going into the background) is done here, at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/json.h"
#include "fail.h"
#include "java.h"
#include "options.h"
#include "outside.h"
#include "runtime_paths.h"
#include "start_command.h"
#include "start_coordinator.h"

#define MAIN_CLASS "org.dmtcp.akka.coordinator.Main"
#define READY_MS 60000
#define FILES_MIN 256 /* the JVM alone has 100 open: jar files, sockets, selectors */

struct coordinator {
	struct coordinator_choice choice;
	struct coordinator_address address;
	const char *port_file, *log_file;
	long quiet;
	bool daemon, help, version;
	char **passed; /* arguments of the Java program: normalised, ends with NULL */
	size_t passed_count;
	char port_text[12];
};

static int pass(struct coordinator *c, const char *name, const char *value, struct fault *fault)
{
	char **grown = realloc(c->passed, (c->passed_count + 3) * sizeof(*grown));

	if (!grown)
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory for arguments");
	c->passed = grown;
	if (asprintf(&grown[c->passed_count++], "--%s", name) < 0)
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory for arguments");
	if (value)
		grown[c->passed_count++] = (char *)value;
	grown[c->passed_count] = NULL;
	return 0;
}

static int on_option(void *context, const char *name, const char *value, struct fault *fault)
{
	static const char *const numbers[] = { "interval", "timeout", "stale-timeout" };
	struct coordinator *c = context;
	long number;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!strcmp(name, numbers[i]) &&
		    options_number(name, value, i == 2 ? -1 : 0, INT_MAX, &number, fault) < 0)
			return -EINVAL;
	if (!strcmp(name, "coord-port")) {
		c->choice.port = value;
		return 0; /* passed on once it is resolved */
	}
	if (!strcmp(name, "tmpdir")) {
		c->choice.tmpdir = value;
		return 0; /* by the environment, so that Java and we cannot differ */
	}
	if (!strcmp(name, "port-file"))
		c->port_file = value;
	else if (!strcmp(name, "coord-logfile"))
		c->log_file = value;
	else if (!strcmp(name, "quiet"))
		c->quiet++;
	else if (!strcmp(name, "daemon"))
		c->daemon = true;
	else if (!strcmp(name, "help"))
		c->help = true;
	else if (!strcmp(name, "version"))
		c->version = true;
	return pass(c, name, value, fault);
}

/* Java reads the same variables; what they hold is checked here, once, with words for the user. */
static int check_environment(struct fault *fault)
{
	const char *interval = getenv("DMTCP_CHECKPOINT_INTERVAL"), *quiet = getenv("DMTCP_QUIET");
	long number;

	if (quiet && options_number("DMTCP_QUIET", quiet, 0, 99, &number, NULL) < 0)
		unsetenv("DMTCP_QUIET");
	if (!interval || !*interval)
		return 0;
	return options_number("DMTCP_CHECKPOINT_INTERVAL", interval, 0, INT_MAX, &number, fault);
}

/* What a JVM needs and would only tell the want of by a stack trace. */
static int check_surroundings(struct fault *fault)
{
	char directory[PATH_MAX];
	struct rlimit files;

	if (!getcwd(directory, sizeof(directory)))
		return fault_set(fault, errno, "image-unwritable", "the working directory: %s",
				 strerror(errno));
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max < FILES_MIN)
		return fault_set(fault, EMFILE, "too-many-descriptors",
				 "the limit of open files is %llu, the coordinator needs %d",
				 (unsigned long long)files.rlim_max, FILES_MIN);
	return 0;
}

/* A number behind the options is the port; options may follow it. */
static int read_arguments(struct coordinator *c, int argc, char **argv, struct fault *fault)
{
	bool named = false; /* a port, so */
	int first;

	while ((first = options_read("coordinator", argc, argv, on_option, c, fault)) < argc) {
		if (first < 0)
			return first;
		if (named || !argv[first][0] || argv[first][strspn(argv[first], "0123456789")])
			return fault_set(fault, EINVAL, "bad-option", "invalid argument: %s",
					 argv[first]);
		named = true;
		c->choice.port = argv[first];
		argc -= first;
		argv += first; /* which stands where a program's name would */
	}
	c->choice.host = "localhost";
	return coordinator_resolve(&c->choice, &c->address, fault);
}

/* ---- in the background ---- */

struct background {
	char directory[PATH_MAX];
	char log[PATH_MAX + 60];       /* standard output and error of the Java program */
	char port_file[PATH_MAX + 60]; /* where it tells the port that it listens on */
	bool own_log, own_port_file;
};

static int open_log(const struct background *b, struct fault *fault)
{
	int fd = open(b->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (b->own_log ? O_TRUNC : 0),
		      0600);

	if (fd < 0)
		fault_set(fault, errno, b->own_log ? "run-directory" : "file-unwritable",
			  "the log %s: %s", b->log, strerror(errno));
	return fd;
}

static int background_prepare(struct coordinator *c, struct background *b, struct fault *fault)
{
	char inside[PATH_MAX + 2];
	int ret = runtime_directory(c->choice.tmpdir, b->directory, sizeof(b->directory));

	if (ret < 0)
		return fault_set(fault, -ret, "run-directory", "%s", strerror(-ret));
	snprintf(inside, sizeof(inside), "%s/", b->directory);
	ret = runtime_directory_prepare(inside, fault);
	if (ret < 0)
		return ret;
	if (!c->log_file)
		c->log_file = getenv("DMTCP_COORD_LOG_FILENAME");
	b->own_log = !c->log_file || !*c->log_file;
	b->own_port_file = !c->port_file;
	if (b->own_log && c->address.port)
		snprintf(b->log, sizeof(b->log), "%s/coordinator-%u.log", b->directory, c->address.port);
	else if (b->own_log)
		snprintf(b->log, sizeof(b->log), "%s/start-%d.log", b->directory, (int)getpid());
	else
		snprintf(b->log, sizeof(b->log), "%s", c->log_file);
	if (b->own_port_file) {
		snprintf(b->port_file, sizeof(b->port_file), "%s/daemon-%d.port", b->directory,
			 (int)getpid());
		ret = pass(c, "port-file", b->port_file, fault);
	} else {
		snprintf(b->port_file, sizeof(b->port_file), "%s", c->port_file);
	}
	unlink(b->port_file); /* an old one would tell an old port */
	return ret;
}

/* The child: a session of its own, so that no Ctrl-C or hang-up of the terminal reaches it. */
static void run_in_background(const struct java_command *java, int log)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	dup2(null, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execv(java->file, java->arguments);
	dprintf(STDERR_FILENO, "%s: %s\n", java->file, strerror(errno));
	_exit(EXIT_FAIL);
}

/* Does it answer at the port that it wrote? */
static bool answers(struct coordinator *c, const struct background *b, json_t **status)
{
	FILE *f = fopen(b->port_file, "re");
	bool ready = false;
	unsigned int port;

	if (!f)
		return false;
	ready = fscanf(f, "%u", &port) == 1;
	fclose(f);
	if (!ready)
		return false;
	c->address.port = port;
	return coordinator_answers(&c->choice, &c->address, status);
}

/* The status to exit with. Where Java has not said why itself, words of ours. */
static int ended_early(const struct background *b, int status)
{
	struct fault fault = { 0 };
	char words[200];

	if (!start_print_log(b->log, words, sizeof(words))) {
		fault_set(&fault, EIO, "coordinator-start",
			  "Java ended with %s %d before it was ready%s%s%s%s",
			  WIFSIGNALED(status) ? "signal" : "status",
			  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
			  *words ? ": " : "", words,
			  b->own_log ? "" : "; its log: ", b->own_log ? "" : b->log);
		fail_print("dmtcp_coordinator", &fault);
		return fail_code();
	}
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : fail_code();
}

/* 0: ready; else the status to exit with. */
static int wait_ready(struct coordinator *c, const struct background *b, pid_t child,
		      json_t **answer)
{
	struct fault late = { 0 };

	for (unsigned int waited = 0; waited < READY_MS; waited += 5) {
		int status;

		if (answers(c, b, answer))
			return 0;
		if (waitpid(child, &status, WNOHANG) == child)
			return ended_early(b, status);
		start_pause_ms(5);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	start_print_log(b->log, NULL, 0);
	fault_set(&late, ETIMEDOUT, "coordinator-start", "it did not become ready within %d s",
		  READY_MS / 1000);
	fail_print("dmtcp_coordinator", &late);
	return fail_code();
}

static void print_banner(const struct coordinator *c, const json_t *status)
{
	long long interval = json_number(status, "interval", 0);

	fprintf(stderr, "dmtcp_coordinator starting...\n    Host: %s (%s)\n    Port: %u\n",
		json_text(status, "host", c->address.host), json_text(status, "address", ""),
		c->address.port);
	fprintf(stderr, "    Checkpoint Interval: ");
	if (interval)
		fprintf(stderr, "%lld\n", interval);
	else
		fprintf(stderr, "disabled (checkpoint manually instead)\n");
	fprintf(stderr, "    Exit on last client: %d\nBackgrounding...\n",
		json_flag(status, "exitOnLast", false));
}

static void background_finish(const struct coordinator *c, const struct background *b, bool ready)
{
	char name[PATH_MAX + 60];

	if (b->own_port_file)
		unlink(b->port_file);
	if (b->own_log && !ready)
		unlink(b->log); /* it has been printed */
	if (!b->own_log || !ready || !strstr(b->log, "/start-"))
		return;
	snprintf(name, sizeof(name), "%s/coordinator-%u.log", b->directory, c->address.port);
	if (rename(b->log, name))
		unlink(b->log);
}

static int run_daemon(struct coordinator *c, const char *tree, struct fault *fault)
{
	struct background b = { 0 };
	struct java_command java;
	json_t *status = NULL;
	pid_t child;
	int log, ret;

	if (background_prepare(c, &b, fault) < 0 ||
	    java_command_make(&java, "dmtcp_coordinator", tree, MAIN_CLASS, c->passed, fault) < 0)
		return -1;
	log = open_log(&b, fault);
	if (log < 0)
		return -1;
	child = fork();
	if (child < 0) {
		fault_set(fault, errno, "coordinator-start", "fork: %s", strerror(errno));
		return -1;
	}
	if (child == 0)
		run_in_background(&java, log);
	ret = wait_ready(c, &b, child, &status);
	background_finish(c, &b, ret == 0);
	if (ret == 0 && !fail_quiet(c->quiet))
		print_banner(c, status);
	return ret;
}

int main(int argc, char **argv)
{
	struct coordinator c = { 0 };
	struct fault fault = { 0 };
	struct java_command java;
	char tree[PATH_MAX];
	int ret;

	fail_prepare(true);
	c.quiet = fail_quiet_environment();
	if (read_arguments(&c, argc, argv, &fault) < 0 ||
	    (!c.help && !c.version && check_environment(&fault) < 0)) {
		fail_print("dmtcp_coordinator", &fault);
		return EXIT_USAGE;
	}
	if (c.help || c.version) {
		if (c.help)
			options_help("coordinator");
		else
			options_version("coordinator");
		return fail_flush("dmtcp_coordinator", EXIT_USAGE);
	}
	if (check_surroundings(&fault) < 0)
		goto fail;
	outside_environment();
	if (c.choice.tmpdir)
		setenv("DMTCP_TMPDIR", c.choice.tmpdir, 1);
	snprintf(c.port_text, sizeof(c.port_text), "%u", c.address.port);
	if (pass(&c, "port", c.port_text, &fault) < 0)
		goto fail;
	ret = runtime_tree(tree, sizeof(tree));
	if (ret < 0) {
		fault_set(&fault, -ret, "not-built", "/proc/self/exe: %s", strerror(-ret));
		goto fail;
	}
	if (c.daemon) {
		ret = run_daemon(&c, tree, &fault);
		if (ret >= 0)
			return ret;
		goto fail;
	}
	if (java_command_make(&java, "dmtcp_coordinator", tree, MAIN_CLASS, c.passed, &fault) < 0)
		goto fail;
	fail_redirect();
	execv(java.file, java.arguments);
	fault_set(&fault, errno, "java-missing", "%s: %s", java.file, strerror(errno));
fail:
	fail_print("dmtcp_coordinator", &fault);
	return fail_end();
}
