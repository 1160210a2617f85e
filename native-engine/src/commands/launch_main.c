/*
 * dmtcp_launch: makes this process a member of a computation and becomes the program, in place:
 * same pid, terminal, groups and directory, so nothing of us is left in the program's way.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../common/json.h"
#include "../common/membership.h"
#include "../common/proc.h"
#include "fail.h"
#include "options.h"
#include "program.h"
#include "runtime_paths.h"
#include "start_coordinator.h"

#define REGISTER_MS 30000
#define ARGUMENT_BYTES 65536
#define KEEP_MAX 65535 /* an image holds it in 16 bits */

struct launch {
	struct coordinator_choice choice;
	struct coordinator_address address;
	const char *port_file, *checkpoint_dir, *codec, *plugins;
	const char *interval; /* seconds, NULL: not given */
	long signal, keep; /* generations; 0: not given */
	int quiet;
	bool without_ssh; /* ssh is not to be replaced */
	bool path_mapping; /* calls with names of files pass through us: wrappers/paths.c */
	bool open_files, allow_overwrite, unique_names, help, version;
	char **arguments; /* of the program, from its name on */
	char path[PATH_MAX];
};

/* One that a program can be without: not those that nobody can catch, nor the C library's own. */
static bool is_usable_signal(long number)
{
	return number != SIGKILL && number != SIGSTOP && number != 32 && number != 33;
}

static int read_signal(const char *name, const char *value, long *number, struct fault *fault)
{
	int ret = options_number(name, value, 1, 64, number, fault);

	if (ret < 0)
		return ret;
	if (!is_usable_signal(*number))
		return fault_set(fault, EINVAL, "bad-option", "%s: signal %ld cannot be had", name,
				 *number);
	return 0;
}

static int on_option(void *context, const char *name, const char *value, struct fault *fault)
{
	struct launch *l = context;
	long number;

	if (!strcmp(name, "coord-host"))
		l->choice.host = value;
	else if (!strcmp(name, "coord-port"))
		l->choice.port = value;
	else if (!strcmp(name, "port-file"))
		l->port_file = value;
	else if (!strcmp(name, "join-coordinator"))
		l->choice.mode = COORDINATOR_JOIN;
	else if (!strcmp(name, "new-coordinator"))
		l->choice.mode = COORDINATOR_NEW;
	else if (!strcmp(name, "any-coordinator"))
		l->choice.mode = COORDINATOR_ANY;
	else if (!strcmp(name, "interval"))
		l->interval = value;
	else if (!strcmp(name, "gzip"))
		l->codec = "zstd";
	else if (!strcmp(name, "no-gzip"))
		l->codec = "none";
	else if (!strcmp(name, "compression"))
		l->codec = value;
	else if (!strcmp(name, "ckptdir"))
		l->checkpoint_dir = value;
	else if (!strcmp(name, "tmpdir"))
		l->choice.tmpdir = value;
	else if (!strcmp(name, "ckpt-open-files"))
		l->open_files = true;
	else if (!strcmp(name, "allow-file-overwrite"))
		l->allow_overwrite = true;
	else if (!strcmp(name, "ckpt-signal"))
		return read_signal(name, value, &l->signal, fault);
	else if (!strcmp(name, "enable-unique-checkpoint-filenames"))
		l->unique_names = true;
	else if (!strcmp(name, "disable-unique-checkpoint-filenames"))
		l->unique_names = false;
	else if (!strcmp(name, "keep"))
		return options_number(name, value, 1, KEEP_MAX, &l->keep, fault);
	else if (!strcmp(name, "with-plugin"))
		l->plugins = value;
	else if (!strcmp(name, "modify-env"))
		setenv("DMTCP_MODIFY_ENV", "1", 1);
	else if (!strcmp(name, "pathvirt"))
		l->path_mapping = true;
	else if (!strcmp(name, "coord-logfile"))
		l->choice.log_file = value;
	else if (!strcmp(name, "disable-ssh-plugin") || !strcmp(name, "disable-ipc-plugin") ||
		 !strcmp(name, "disable-all-plugins"))
		l->without_ssh = true;
	else if (!strcmp(name, "quiet"))
		l->quiet++;
	else if (!strcmp(name, "help"))
		l->help = true;
	else if (!strcmp(name, "version"))
		l->version = true;
	/* the rest is accepted without effect; --help says so */
	if (!strcmp(name, "interval"))
		return options_number(name, value, 0, INT_MAX, &number, fault);
	return 0;
}

/* A number in the environment that is none is no reason not to run the program, only to say so. */
static long read_number(const char *name, long low, long high, long otherwise, int quiet)
{
	const char *text = getenv(name);
	struct fault fault = { 0 };
	long number;

	if (!text || !*text)
		return otherwise;
	if (options_number(name, text, low, high, &number, &fault) == 0)
		return number;
	if (quiet < 2)
		fail_warn("dmtcp_launch", "%s: it is taken as %ld", fault.text, otherwise);
	return otherwise;
}

static long read_signal_variable(int quiet)
{
	long number = read_number("DMTCP_SIGCKPT", 1, 64, SIGUSR2, quiet);

	if (is_usable_signal(number))
		return number;
	if (quiet < 2)
		fail_warn("dmtcp_launch", "DMTCP_SIGCKPT: signal %ld cannot be had: it is taken as %d",
			  number, SIGUSR2);
	return SIGUSR2;
}

static void read_environment(struct launch *l)
{
	const char *mapping = getenv("DMTCP_PATH_MAPPING");
	const char *codec = getenv("DMTCP_COMPRESSION"), *gzip = getenv("DMTCP_GZIP");

	l->quiet = fail_quiet_environment();
	l->signal = read_signal_variable(fail_quiet(l->quiet));
	l->keep = read_number("DMTCP_KEEP", 1, KEEP_MAX, 0, fail_quiet(l->quiet));
	l->codec = codec && *codec ? codec : "zstd";
	/* what is no number means no compression, as with DMTCP */
	if (!read_number("DMTCP_GZIP", 0, 1, gzip && *gzip ? 0 : 1, fail_quiet(l->quiet)))
		l->codec = "none";
	l->open_files = getenv("DMTCP_CKPT_OPEN_FILES") != NULL;
	l->allow_overwrite = getenv("DMTCP_ALLOW_OVERWRITE_WITH_CKPTED_FILES") != NULL;
	l->unique_names = options_environment_flag("DMTCP_UNIQUE_CKPT_PLUGIN", false);
	l->plugins = getenv("DMTCP_PLUGIN");
	l->without_ssh = !options_environment_flag("DMTCP_SSH_PLUGIN", true) ||
			 options_environment_flag("DMTCP_DISABLE_ALL_PLUGINS", false);
	l->path_mapping = options_environment_flag("DMTCP_PATHVIRT_PLUGIN", mapping && *mapping);
	l->interval = getenv("DMTCP_CHECKPOINT_INTERVAL");
	l->choice.log_file = getenv("DMTCP_COORD_LOG_FILENAME");
}

static int check_codec(const char *codec, struct fault *fault)
{
	static const char *const codecs[] = { "zstd", "gzip", "lz4", "none" };

	for (size_t i = 0; i < sizeof(codecs) / sizeof(*codecs); i++)
		if (!strcmp(codec, codecs[i]))
			return 0;
	return fault_set(fault, EINVAL, "bad-option",
			 "compression: '%s' is none of zstd, gzip, lz4, none", codec);
}

/* `dmtcp_launch ssh HOST ...`: what the library does for every program that starts ssh. */
static int replace_ssh(struct launch *l, struct fault *fault)
{
	const char *slash = strrchr(l->path, '/'), *name = slash ? slash + 1 : l->path;
	size_t count = 0;
	char **words;
	int ret;

	if (l->without_ssh || (strcmp(name, "ssh") && strcmp(name, "rsh")))
		return 0;
	while (l->arguments[count])
		count++;
	words = calloc(count + 2, sizeof(*words));
	if (!words || !(words[1] = strdup(l->path)))
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory for arguments");
	words[0] = (char *)"dmtcp_ssh";
	memcpy(words + 2, l->arguments + 1, (count - 1) * sizeof(*words));
	l->arguments = words;
	ret = runtime_tree(l->path, sizeof(l->path) - sizeof("/bin/dmtcp_ssh"));
	if (ret < 0)
		return fault_set(fault, -ret, "not-built", "/proc/self/exe: %s", strerror(-ret));
	strcat(l->path, "/bin/dmtcp_ssh");
	return 0;
}

/* The library with our wrappers is one of them. */
static bool needs_plugins(const struct launch *l)
{
	return (l->plugins && *l->plugins) || l->path_mapping;
}

/* Everything that can be wrong before a coordinator is bothered. */
static int prepare(struct launch *l, int argc, char **argv, struct fault *fault)
{
	int first, ret;
	long number;

	read_environment(l);
	first = options_read("launch", argc, argv, on_option, l, fault);
	if (first < 0)
		return first;
	if (l->help || l->version)
		return 0;
	if (first >= argc)
		return fault_set(fault, EINVAL, "bad-option", "no program is given");
	l->arguments = argv + first;
	if (getenv("DMTCP_COMPUTATION_ID"))
		return fault_set(fault, EPERM, "inside-computation",
				 "dmtcp_launch is run by a program that is itself under checkpoint "
				 "control");
	if (l->interval && *l->interval) {
		ret = options_number("interval", l->interval, 0, INT_MAX, &number, fault);
		if (ret < 0)
			return ret;
	}
	ret = options_check_switches("launch", fault);
	if (ret < 0)
		return ret;
	ret = check_codec(l->codec, fault);
	if (ret < 0)
		return ret;
	ret = coordinator_resolve(&l->choice, &l->address, fault);
	if (ret < 0)
		return ret;
	ret = program_find(l->arguments[0], l->path, sizeof(l->path), fault);
	if (ret >= 0 && needs_plugins(l) && program_is_static(l->path) && fail_quiet(l->quiet) < 2)
		fail_warn("dmtcp_launch", "%s is linked statically: no plugin can be loaded into it. It is "
			  "checkpointed without them; link it dynamically to have them", l->path);
	return ret < 0 ? ret : replace_ssh(l, fault);
}

static int absolute_checkpoint_dir(const struct launch *l, char *out, size_t bytes,
				   struct fault *fault)
{
	const char *directory = l->checkpoint_dir;
	int ret;

	if (!directory || !*directory)
		directory = getenv("DMTCP_CHECKPOINT_DIR");
	ret = runtime_absolute(directory && *directory ? directory : ".", out, bytes);
	if (ret < 0)
		return fault_set(fault, -ret, "image-unwritable", "the checkpoint directory: %s",
				 strerror(-ret));
	if (!directory || !*directory || !strcmp(directory, "."))
		out[strlen(out) - 2] = '\0'; /* "/." */
	if (!*out)
		strcpy(out, "/");
	return 0;
}

/* For people to see; of a very long one the beginning. */
static json_t *argument_list(char **arguments)
{
	json_t *list = json_array();
	size_t left = ARGUMENT_BYTES;

	for (; *arguments; arguments++) {
		size_t n = strlen(*arguments);

		if (n + 1 > left)
			break;
		left -= n + 1;
		json_array_append_new(list, json_from_bytes(*arguments, n));
	}
	return list;
}

/* The `register` request of docs/local-protocol.md. NULL with fault. */
static json_t *registration(const struct launch *l, struct fault *fault)
{
	char name[256], directory[PATH_MAX], checkpoint_dir[2 * PATH_MAX];
	struct proc_stat self;
	json_t *request;
	int ret;

	ret = absolute_checkpoint_dir(l, checkpoint_dir, sizeof(checkpoint_dir), fault);
	if (ret < 0)
		return NULL;
	ret = runtime_make_directories(checkpoint_dir);
	if (ret < 0 && fail_quiet(l->quiet) < 2)
		fail_warn("dmtcp_launch", "the checkpoint directory %s: %s", checkpoint_dir,
			  strerror(-ret));
	ret = proc_stat(getpid(), &self);
	if (ret < 0 || !getcwd(directory, sizeof(directory))) {
		fault_set(fault, ret < 0 ? -ret : errno, "internal", "own process: %s",
			  strerror(ret < 0 ? -ret : errno));
		return NULL;
	}
	program_name(l->path, name, sizeof(name));
	request = json_pack("{s:s, s:i, s:I, s:i, s:o, s:o, s:o, s:o, s:s, s:b, s:b, s:i, s:b, s:i}",
			    "op", "register", "pid", (int)getpid(),
			    "startTicks", (json_int_t)self.start_ticks,
			    "virtualPid", (int)getpid(),
			    "program", json_from_bytes(name, strlen(name)),
			    "arguments", argument_list(l->arguments),
			    "directory", json_from_bytes(directory, strlen(directory)),
			    "checkpointDir", json_from_bytes(checkpoint_dir, strlen(checkpoint_dir)),
			    "codec", l->codec, "openFiles", l->open_files,
			    "allowOverwrite", l->allow_overwrite, "signal", (int)l->signal,
			    "uniqueNames", l->unique_names, "keep", (int)l->keep);
	if (request && l->interval && *l->interval)
		json_object_set_new(request, "interval", json_integer(atol(l->interval)));
	if (!request)
		fault_set(fault, ENOMEM, "out-of-memory", "no memory for a request");
	return request;
}

/* What the same computation's programs on other hosts are to be launched with: dmtcp_ssh. */
static void set_for_other_hosts(const struct launch *l)
{
	char checkpoint_dir[2 * PATH_MAX];

	if (!absolute_checkpoint_dir(l, checkpoint_dir, sizeof(checkpoint_dir), NULL))
		setenv("DMTCP_CHECKPOINT_DIR", checkpoint_dir, 1);
	setenv("DMTCP_COMPRESSION", l->codec, 1);
	setenv("DMTCP_GZIP", strcmp(l->codec, "none") ? "1" : "0", 1);
	if (l->open_files)
		setenv("DMTCP_CKPT_OPEN_FILES", "1", 1);
	if (l->allow_overwrite)
		setenv("DMTCP_ALLOW_OVERWRITE_WITH_CKPTED_FILES", "1", 1);
	if (l->unique_names)
		setenv("DMTCP_UNIQUE_CKPT_PLUGIN", "1", 1);
	if (l->plugins && *l->plugins)
		setenv("DMTCP_PLUGIN", l->plugins, 1);
	if (l->path_mapping)
		setenv("DMTCP_PATHVIRT_PLUGIN", "1", 1);
	if (l->without_ssh)
		setenv("DMTCP_SSH_PLUGIN", "0", 1);
}

/* What the program and its children find: to whom they belong, and where `dmtcp_command` asks. */
static void set_environment(const struct launch *l, const char *computation_id)
{
	char port[12], number[12], socket[PATH_MAX], tmpdir[PATH_MAX];

	snprintf(port, sizeof(port), "%u", l->address.port);
	setenv("DMTCP_COMPUTATION_ID", computation_id, 1);
	setenv("DMTCP_COORD_HOST", l->address.host, 1);
	setenv("DMTCP_COORD_PORT", port, 1);
	membership_set(computation_id, l->address.port);
	/* the whole path, because the program may change its directory before it asks */
	if (runtime_tmpdir(l->choice.tmpdir, tmpdir, sizeof(tmpdir)) == 0)
		setenv("DMTCP_TMPDIR", tmpdir, 1);
	set_for_other_hosts(l);
	if (coordinator_socket(&l->choice, &l->address, socket, sizeof(socket)) == 0)
		setenv("DMTCP_AGENT_SOCKET", socket, 1);
	snprintf(number, sizeof(number), "%ld", l->signal);
	setenv("DMTCP_SIGCKPT", number, 1);
}

/* Yama's mode 1 lets only ancestors trace a process unless it allows others, see prctl(2). */
static bool needs_permission_to_be_traced(void)
{
	char mode = '0';
	int fd;

	if (geteuid() == 0)
		return false;
	fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &mode, 1) != 1)
		mode = '0';
	close(fd);
	return mode == '1';
}

/*
 * The library of AddressSanitizer ends a program in which it is not the first one, because others
 * could have taken its functions; ours takes none of them.
 */
static int permit_second_place(struct fault *fault)
{
	static const char variable[] = "ASAN_OPTIONS", flag[] = "verify_asan_link_order";
	const char *before = getenv(variable);
	char *options;

	if (before && strstr(before, flag))
		return 0;
	if (asprintf(&options, "%s%s%s=0", before ? before : "", before && *before ? ":" : "",
		     flag) < 0)
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory for %s", variable);
	setenv(variable, options, 1);
	free(options);
	return 0;
}

static int preload(const struct launch *l, struct fault *fault)
{
	bool traced = needs_permission_to_be_traced();
	const char *before = getenv("LD_PRELOAD");
	char tree[PATH_MAX], *list;
	int ret;

	ret = runtime_tree(tree, sizeof(tree));
	if (ret < 0)
		return fault_set(fault, -ret, "not-built", "/proc/self/exe: %s", strerror(-ret));
	/* Kept over exec for this process; the library says it again in every child. */
	if (traced)
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	if (needs_plugins(l))
		ret = asprintf(&list, "%s%s%s/lib/dmtcp/libdmtcp_plugin.so:%s/lib/dmtcp/libdmtcp.so%s%s",
			       l->plugins ? l->plugins : "", l->plugins && *l->plugins ? ":" : "",
			       tree, tree, before ? ":" : "", before ? before : "");
	else
		ret = asprintf(&list, "%s/lib/dmtcp/libdmtcp.so%s%s", tree, before ? ":" : "",
			       before ? before : "");
	if (ret < 0)
		return fault_set(fault, ENOMEM, "out-of-memory", "no memory for LD_PRELOAD");
	setenv("LD_PRELOAD", list, 1);
	free(list);
	return permit_second_place(fault);
}

static int join(struct launch *l, struct fault *fault)
{
	struct local_client *client = NULL;
	json_t *request = NULL, *answer = NULL;
	const char *id;
	int ret;

	l->choice.checkpoint_dir = l->checkpoint_dir;
	request = registration(l, fault);
	if (!request)
		return -EIO;
	ret = coordinator_request(&l->choice, &l->address, request, REGISTER_MS, &client, &answer,
				  fault);
	if (ret < 0)
		goto out;
	if (l->port_file) {
		ret = coordinator_write_port_file(l->port_file, l->address.port, fault);
		if (ret < 0)
			goto out;
	}
	id = json_text(answer, "computationId", NULL);
	if (!id) {
		ret = fault_set(fault, EPROTO, "internal",
				"the coordinator gave no computation id");
		goto out;
	}
	set_environment(l, id);
	ret = preload(l, fault);
out:
	json_decref(answer);
	json_decref(request);
	local_close(client);
	return ret;
}

int main(int argc, char **argv)
{
	struct launch l = { 0 };
	struct fault fault = { 0 };

	fail_prepare(false);
	if (prepare(&l, argc, argv, &fault) < 0)
		goto fail;
	if (l.help || l.version) {
		if (l.help)
			options_help("launch");
		else
			options_version("launch");
		return fail_flush("dmtcp_launch", fail_code());
	}
	if (join(&l, &fault) < 0)
		goto fail;
	execvp(l.path, l.arguments);
	fault_set(&fault, errno, "program-not-executable", "%s cannot be executed: %s", l.path,
		  strerror(errno));
fail:
	fail_print("dmtcp_launch", &fault);
	return fail_end();
}
