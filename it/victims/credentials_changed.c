/*
 * victim: a daemon of root that has changed its user, and kept one capability
 * category: process
 * needs: root
 */
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "victim.h"

#define USER 65000
#define GROUP 65001

static void check(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct capabilities[2];
	gid_t groups[4];
	uid_t uids[3];
	gid_t gids[3];

	victim_check(getresuid(&uids[0], &uids[1], &uids[2]) == 0);
	victim_check(uids[0] == USER && uids[1] == USER && uids[2] == USER);
	victim_check(getresgid(&gids[0], &gids[1], &gids[2]) == 0);
	victim_check(gids[0] == GROUP && gids[1] == GROUP && gids[2] == GROUP);
	victim_check(getgroups(4, groups) == 2 && groups[0] == 4 && groups[1] == 27);
	victim_check(syscall(SYS_capget, &header, capabilities) == 0);
	victim_check(capabilities[0].permitted == 1u << CAP_NET_BIND_SERVICE &&
		     !capabilities[1].permitted);
	victim_check(capabilities[0].effective == 1u << CAP_NET_BIND_SERVICE);
}

int main(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct one[2] = { { .permitted = 1u << CAP_NET_BIND_SERVICE,
						   .effective = 1u << CAP_NET_BIND_SERVICE } };
	gid_t groups[] = { 4, 27 };

	victim_check(setgroups(2, groups) == 0);
	victim_check(prctl(PR_SET_KEEPCAPS, 1) == 0);
	victim_check(setresgid(GROUP, GROUP, GROUP) == 0);
	victim_check(setresuid(USER, USER, USER) == 0);
	victim_check(syscall(SYS_capset, &header, one) == 0);
	return victim_run(check);
}
