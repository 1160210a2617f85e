#include "for_wrappers.h"

#include <errno.h>

#include "contain.h"
#include "forks.h"
#include "link.h"
#include "pathvirt.h"
#include "plugins.h"
#include "thread_resume.h"

void dmtcp_internal_raise(DmtcpEvent_t event, DmtcpEventData_t *data)
{
	int error = errno;

	plugins_raise(event, data);
	errno = error; /* of the call that is told about */
}

bool dmtcp_internal_has_plugins(void)
{
	return plugins_count() != 0;
}

pid_t dmtcp_internal_fork(pid_t (*next)(void))
{
	return forks_fork(next);
}

bool dmtcp_internal_in_hook(void)
{
	return contain_is_here() || thread_resume_is_here();
}

void dmtcp_internal_leave_hook(const char *why)
{
	if (thread_resume_is_here())
		thread_resume_leave(why);
	contain_leave(why);
}

bool dmtcp_internal_signal_view(int number, const struct sigaction *now, struct sigaction *before)
{
	return contain_view(number, now, before);
}

int dmtcp_internal_needed_signal(void)
{
	return contain_needs();
}

const char *dmtcp_internal_real_path(const char *path, char *out)
{
	return pathvirt_real(path, out);
}

void dmtcp_internal_virtual_path(char *path)
{
	pathvirt_virtual(path);
}

bool dmtcp_internal_translates(void)
{
	return pathvirt_active();
}

int dmtcp_internal_next_protected(int from)
{
	return link_next(from);
}
