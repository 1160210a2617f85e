#include "answer.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "../mtcp/answer.h"
#include "../trace/wait.h"

#define PERMISSION_LIMIT_NS 2000000000ull

static int copy(pid_t pid, uint64_t address, void *data, size_t bytes, bool to_program)
{
	struct iovec here = { data, bytes }, there = { (void *)address, bytes };
	ssize_t n = to_program ? process_vm_writev(pid, &here, 1, &there, 1, 0) :
				 process_vm_readv(pid, &here, 1, &there, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == bytes ? 0 : -EFAULT;
}

int answer_open(pid_t pid, uint64_t address, uint64_t generation, struct fault *fault)
{
	uint64_t deadline = monotonic_ns() + PERMISSION_LIMIT_NS;
	struct timespec little = { 0, 200000 };
	uint32_t magic = 0;
	int ret;

	while ((ret = copy(pid, address, &magic, sizeof(magic), false)) == -EPERM &&
	       monotonic_ns() < deadline)
		nanosleep(&little, NULL);
	if (ret == -EPERM)
		return fault_set(fault, EPERM, "not-allowed-to-trace",
				 "process %d does not let the engine look into it", pid);
	if (ret == -ESRCH)
		return fault_set(fault, ESRCH, "no-such-process", "process %d has ended", pid);
	if (ret < 0 || magic != MTCP_ANSWER_MAGIC)
		return fault_set(fault, EINVAL, "internal",
				 "process %d does not wait for an answer there", pid);
	copy(pid, address + offsetof(struct mtcp_answer, generation), &generation,
	     sizeof(generation), true);
	return 0;
}

void answer_send(pid_t pid, uint64_t address, int result, const struct standalone_result *done,
		 const struct fault *fault)
{
	struct mtcp_answer a = { .magic = MTCP_ANSWER_MAGIC, .state = MTCP_WAITING,
				 .result = result, .generation = done->generation,
				 .image_bytes = done->file_bytes, .stopped_us = done->stopped_us };
	uint32_t state = MTCP_ANSWERED;

	if (result < 0)
		snprintf(a.text, sizeof(a.text), "%s [%s]. %s", fault->text, fault->id,
			 fault_remedy(fault->id));
	if (!copy(pid, address, &a, sizeof(a), true))
		copy(pid, address + offsetof(struct mtcp_answer, state), &state, sizeof(state),
		     true);
}
