/* What cannot be captured. The last kind: it claims whatever no other one has. */
#include <errno.h>
#include <string.h>

#include "kinds.h"

static const struct {
	const char *link, *reason;
} reasons[] = {
	{ "anon_inode:[io_uring]", "an io_uring: requests in flight belong to the kernel" },
	{ "anon_inode:[userfaultfd]", "a userfaultfd: its page faults wait for this very process" },
	{ "anon_inode:[perf_event]", "a perf event: its counters cannot be set" },
	{ "anon_inode:bpf", "a BPF object" },
	{ "anon_inode:[fanotify]", "a fanotify group" },
	{ "anon_inode:[fscontext]", "a mount being configured" },
	{ "anon_inode:kvm", "a virtual machine of KVM" },
	{ "anon_inode:[vfio", "a VFIO device" },
	{ "anon_inode:[landlock", "a Landlock rule set" },
	{ "anon_inode:seccomp", "a seccomp listener" },
	{ "anon_inode:sync_file", "a GPU fence" },
	{ "anon_inode:dmabuf", "a DMA buffer" },
	{ "/secretmem", "secret memory: nobody else may read it" },
};

static const char *reason_for(const struct descriptor_view *d)
{
	for (size_t n = 0; n < sizeof(reasons) / sizeof(*reasons); n++)
		if (!strncmp(d->link, reasons[n].link, strlen(reasons[n].link)))
			return reasons[n].reason;
	if (d->protocol[0])
		return "a socket of a protocol that cannot be captured";
	if (S_ISBLK(d->status.st_mode))
		return "a block device";
	return "of a kind that is not known here";
}

static bool refused_claims(const struct descriptor_view *d)
{
	(void)d;
	return true;
}

static int refused_check(pid_t pid, const struct descriptor_view *d, struct fault *fault)
{
	return fault_set(fault, EOPNOTSUPP, "not-supported",
			 "process %d: descriptor %d (%s%s%s) cannot be captured: it is %s", pid,
			 d->number, d->link, d->protocol[0] ? " " : "", d->protocol, reason_for(d));
}

/* It was opened between the check and the freeze. */
static int refused_capture(struct capture *c, const struct descriptor_view *d, uint64_t file_id,
			   struct buffer *payload)
{
	(void)file_id;
	(void)payload;
	return refused_check(c->process->virtual_pid, d, c->fault);
}

const struct file_kind_ops refused_kind = {
	.name = "unsupported descriptor",
	.claims = refused_claims,
	.check = refused_check,
	.capture = refused_capture,
};
