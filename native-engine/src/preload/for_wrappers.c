#include "for_wrappers.h"

#include "contain.h"
#include "plugins.h"

void dmtcp_internal_raise(DmtcpEvent_t event, DmtcpEventData_t *data)
{
	plugins_raise(event, data);
}

bool dmtcp_internal_in_hook(void)
{
	return contain_is_here();
}

void dmtcp_internal_leave_hook(const char *why)
{
	contain_leave(why);
}
