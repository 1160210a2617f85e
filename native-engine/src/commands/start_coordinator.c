/* Which coordinator a command talks to, and starting one when there is none. */
#include "start_coordinator.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/monotonic.h"
#include "coordinator_host.h"
#include "runtime_paths.h"
#include "start_agent.h"
#include "start_command.h"

#define CONNECT_MS 5000
#define STATUS_MS 10000
#define OTHER_START_MS 3000 /* its JVM needs about one second on a busy machine */

static const char *first_set(const char *option, const char *name, const char *older_name)
{
	const char *value = option;

	if (!value || !*value)
		value = getenv(name);
	if (!value || !*value)
		value = getenv(older_name);
	return value && *value ? value : NULL;
}

int coordinator_resolve(const struct coordinator_choice *choice,
			struct coordinator_address *address, struct fault *fault)
{
	const char *host = first_set(choice->host, "DMTCP_COORD_HOST", "DMTCP_HOST");
	const char *port = first_set(choice->port, "DMTCP_COORD_PORT", "DMTCP_PORT");
	char *end = NULL;
	long number = port ? strtol(port, &end, 10) : COORDINATOR_DEFAULT_PORT;

	*address = (struct coordinator_address){ .port_chosen = port != NULL };
	if (port && (end == port || *end || number < 0 || number > 65535))
		return fault_set(fault, EINVAL, "bad-option",
				 "'%s' is not a port: a number from 0 to 65535 is wanted", port);
	address->port = number;
	snprintf(address->host, sizeof(address->host), "%s", host ? host : "localhost");
	address->on_this_host = coordinator_host_here(address->host, address->key,
						      sizeof(address->key));
	return 0;
}

int coordinator_socket(const struct coordinator_choice *choice,
		       const struct coordinator_address *address, char *out, size_t bytes)
{
	return address->on_this_host ?
		       runtime_coordinator_socket(choice->tmpdir, address->port, out, bytes) :
		       runtime_agent_socket(choice->tmpdir, address->key, address->port, out, bytes);
}

int coordinator_connect(const struct coordinator_choice *choice,
			const struct coordinator_address *address, struct local_client **out,
			struct fault *fault)
{
	char path[PATH_MAX];
	struct fault reason = { 0 };
	int ret;

	*out = NULL;
	ret = coordinator_socket(choice, address, path, sizeof(path));
	if (ret < 0)
		return fault_set(fault, -ret, "coordinator-unreachable", "%s:%u: %s",
				 address->host, address->port, strerror(-ret));
	ret = local_connect(out, path, CONNECT_MS, &reason);
	if (ret == -ENOENT || ret == -ECONNREFUSED || ret == -ENOTDIR)
		return fault_set(fault, -ret, "coordinator-unreachable",
				 "no coordinator of this user answers at %s:%u", address->host,
				 address->port);
	if (ret < 0)
		return fault_set(fault, -ret, reason.id, "%s", reason.text);
	return 0;
}

bool coordinator_answers(const struct coordinator_choice *choice,
			 const struct coordinator_address *address, json_t **status)
{
	struct local_client *client;
	json_t *request, *answer = NULL;
	bool ready;

	if (coordinator_connect(choice, address, &client, NULL) < 0)
		return false;
	request = json_pack("{s:s}", "op", "status");
	ready = request && local_request(client, request, STATUS_MS, &answer, NULL) == 0;
	json_decref(request);
	local_close(client);
	if (status)
		*status = answer;
	else
		json_decref(answer);
	return ready;
}

/* The arguments of the command that starts it; at most 16. */
static void start_arguments(const struct coordinator_choice *choice, const char *program,
			    const char *port, const char *port_file, const char **arguments)
{
	size_t n = 0;

	arguments[n++] = program;
	arguments[n++] = "--daemon";
	arguments[n++] = "--exit-on-last";
	arguments[n++] = "--quiet";
	arguments[n++] = "--port";
	arguments[n++] = port;
	if (port_file) {
		arguments[n++] = "--port-file";
		arguments[n++] = port_file;
	}
	if (choice->tmpdir) {
		arguments[n++] = "--tmpdir";
		arguments[n++] = choice->tmpdir;
	}
	if (choice->log_file) {
		arguments[n++] = "--coord-logfile";
		arguments[n++] = choice->log_file;
	}
	if (choice->checkpoint_dir) {
		arguments[n++] = "--ckptdir";
		arguments[n++] = choice->checkpoint_dir;
	}
	arguments[n] = NULL;
}

static int read_port_file(const char *path, unsigned int *port)
{
	FILE *f = fopen(path, "re");
	int ret = -ENOENT;

	if (!f)
		return -errno;
	if (fscanf(f, "%u", port) == 1 && *port > 0 && *port <= 65535)
		ret = 0;
	fclose(f);
	return ret;
}

/* Runs the command and learns the port. The lock is held, nobody answers at the address. */
static int start_locked(const struct coordinator_choice *choice, const char *directory,
			struct coordinator_address *address, struct fault *fault)
{
	char program[PATH_MAX], port[12], port_file[PATH_MAX + 40];
	const char *arguments[20];
	int ret = runtime_tree(program, sizeof(program) - 40);

	if (ret < 0)
		return fault_set(fault, -ret, "coordinator-start", "/proc/self/exe: %s",
				 strerror(-ret));
	strcat(program, "/bin/dmtcp_coordinator");
	snprintf(port, sizeof(port), "%u", address->port);
	snprintf(port_file, sizeof(port_file), "%s/start-%d.port", directory, (int)getpid());
	unlink(port_file);
	start_arguments(choice, program, port, address->port ? NULL : port_file, arguments);
	ret = start_command_run(arguments, "coordinator", fault);
	if (ret == 0 && !address->port) {
		ret = read_port_file(port_file, &address->port);
		if (ret < 0)
			fault_set(fault, -ret, "coordinator-start",
				  "the new coordinator did not tell its port");
	}
	unlink(port_file);
	return ret;
}

/*
 * The port is taken, perhaps by a coordinator that somebody has just started by hand: it listens
 * there before it serves its socket. Gives @error back when none appears.
 */
static int await_coordinator(const struct coordinator_choice *choice,
			     const struct coordinator_address *address,
			     struct local_client **out, int error)
{
	uint64_t deadline = monotonic_ms() + OTHER_START_MS;

	while (monotonic_ms() < deadline) {
		if (coordinator_connect(choice, address, out, NULL) == 0)
			return 0;
		start_pause_ms(20);
	}
	return error;
}

static int start(const struct coordinator_choice *choice, struct coordinator_address *address,
		 struct local_client **out, struct fault *fault)
{
	char directory[PATH_MAX], inside[PATH_MAX + 2], name[40];
	int lock, ret;

	ret = runtime_directory(choice->tmpdir, directory, sizeof(directory));
	if (ret < 0)
		return fault_set(fault, -ret, "run-directory", "%s", strerror(-ret));
	snprintf(inside, sizeof(inside), "%s/", directory);
	ret = runtime_directory_prepare(inside, fault);
	if (ret < 0)
		return ret;
	snprintf(name, sizeof(name), "coordinator-%u", address->port);
	lock = start_command_lock(directory, name, fault);
	if (lock < 0)
		return lock;
	if (!address->port || coordinator_connect(choice, address, out, NULL) < 0) {
		struct fault reason = { 0 };

		ret = start_locked(choice, directory, address, &reason);
		if (ret == 0)
			ret = coordinator_connect(choice, address, out, &reason);
		else if (choice->mode != COORDINATOR_NEW && !strcmp(reason.id, "port-taken"))
			ret = await_coordinator(choice, address, out, ret);
		if (ret < 0)
			fault_set(fault, -ret, reason.id, "%s", reason.text);
	} else if (choice->mode == COORDINATOR_NEW) {
		local_close(*out);
		*out = NULL;
		ret = fault_set(fault, EADDRINUSE, "port-taken",
				"a coordinator already runs at port %u", address->port);
	}
	start_command_unlock(directory, name, lock);
	return ret;
}

int coordinator_reach(const struct coordinator_choice *choice,
		      struct coordinator_address *address, struct local_client **out,
		      struct fault *fault)
{
	struct fault unreachable = { 0 };
	int ret;

	*out = NULL;
	if (!address->on_this_host && address->port && choice->mode != COORDINATOR_NEW)
		return agent_reach(choice, address, out, fault);
	if (choice->mode == COORDINATOR_NEW && !address->port_chosen)
		address->port = 0;
	if (choice->mode == COORDINATOR_JOIN && !address->port)
		return fault_set(fault, EINVAL, "bad-option",
				 "port 0 means any free one: no coordinator that runs can be "
				 "joined there");
	if (choice->mode != COORDINATOR_NEW && address->port) {
		ret = coordinator_connect(choice, address, out, &unreachable);
		if (ret == 0)
			return 0;
		if (choice->mode == COORDINATOR_JOIN)
			return fault_set(fault, -ret, unreachable.id, "%s", unreachable.text);
	}
	if (!address->on_this_host)
		return fault_set(fault, ENOTCONN, "coordinator-unreachable",
				 "%s: a coordinator can be started in the background on this host "
				 "only", address->host);
	return start(choice, address, out, fault);
}

/* Did it close the connection unanswered, or say itself that it is ending? */
static bool leaving(int error, const struct fault *reason)
{
	return error == -EPIPE || error == -ECONNRESET ||
	       (error == -EREMOTEIO && !strcmp(reason->id, "coordinator-unreachable"));
}

int coordinator_request(const struct coordinator_choice *choice,
			struct coordinator_address *address, const json_t *request,
			uint32_t timeout_ms, struct local_client **client, json_t **answer,
			struct fault *fault)
{
	uint64_t deadline = monotonic_ms() + START_MS;

	for (;;) {
		struct fault reason = { 0 };
		int ret = coordinator_reach(choice, address, client, &reason);

		if (ret == 0) {
			ret = local_request(*client, request, timeout_ms, answer, &reason);
			if (ret == 0)
				return 0;
			local_close(*client);
			*client = NULL;
			if (leaving(ret, &reason) && monotonic_ms() < deadline) {
				start_pause_ms(20);
				continue;
			}
		}
		return fault_set(fault, -ret, reason.id, "%s", reason.text);
	}
}

int coordinator_write_port_file(const char *path, unsigned int port, struct fault *fault)
{
	char temporary[PATH_MAX];
	int fd, ret = 0;

	if (snprintf(temporary, sizeof(temporary), "%s.%d.temp", path, (int)getpid()) >=
	    (int)sizeof(temporary))
		return fault_set(fault, ENAMETOOLONG, "bad-option", "%s: %s", path,
				 strerror(ENAMETOOLONG));
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%u", port) < 0 || fsync(fd) || rename(temporary, path))
		ret = fault_set(fault, errno, "file-unwritable", "the port file %s: %s", path,
				strerror(errno));
	if (fd >= 0)
		close(fd);
	if (ret < 0)
		unlink(temporary);
	return ret;
}
