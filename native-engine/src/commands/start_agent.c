/* The agent that stands for a coordinator of another host. */
#include "start_agent.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime_paths.h"
#include "start_command.h"

static int start(const struct coordinator_choice *choice, const struct coordinator_address *address,
		 struct fault *fault)
{
	char program[PATH_MAX], port[12];
	const char *arguments[] = { program, address->host, port, choice->tmpdir, NULL };
	int ret = runtime_tree(program, sizeof(program) - 40);

	if (ret < 0)
		return fault_set(fault, -ret, "not-built", "/proc/self/exe: %s", strerror(-ret));
	strcat(program, "/bin/dmtcp_agent");
	snprintf(port, sizeof(port), "%u", address->port);
	return start_command_run(arguments, "agent of this host", fault);
}

int agent_reach(const struct coordinator_choice *choice, const struct coordinator_address *address,
		struct local_client **out, struct fault *fault)
{
	char directory[PATH_MAX], inside[PATH_MAX + 2], name[300];
	int lock, ret;

	if (coordinator_connect(choice, address, out, NULL) == 0)
		return 0;
	ret = runtime_directory(choice->tmpdir, directory, sizeof(directory));
	if (ret < 0)
		return fault_set(fault, -ret, "run-directory", "%s", strerror(-ret));
	snprintf(inside, sizeof(inside), "%s/", directory);
	ret = runtime_directory_prepare(inside, fault);
	if (ret < 0)
		return ret;
	snprintf(name, sizeof(name), "agent-%.255s-%u", address->key, address->port);
	lock = start_command_lock(directory, name, fault);
	if (lock < 0)
		return lock;
	ret = coordinator_connect(choice, address, out, NULL);
	if (ret < 0)
		ret = start(choice, address, fault);
	if (ret == 0 && !*out)
		ret = coordinator_connect(choice, address, out, fault);
	start_command_unlock(directory, name, lock);
	return ret;
}
