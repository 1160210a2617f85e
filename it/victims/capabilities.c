/*
 * victim: user and group ids, supplementary groups, capabilities
 * category: process
 */
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "victim.h"

struct identity {
	uid_t uids[3];
	gid_t gids[3];
	struct __user_cap_data_struct capabilities[2];
	unsigned char bounding[64], ambient[64];
	int group_count;
	gid_t groups[64];
	int secure_bits;
};

static struct identity first;

static void look(struct identity *i)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	memset(i, 0, sizeof(*i));
	victim_check(getresuid(&i->uids[0], &i->uids[1], &i->uids[2]) == 0);
	victim_check(getresgid(&i->gids[0], &i->gids[1], &i->gids[2]) == 0);
	victim_check(syscall(SYS_capget, &header, i->capabilities) == 0);
	for (int c = 0; c < 64; c++) {
		i->bounding[c] = prctl(PR_CAPBSET_READ, c) > 0;
		i->ambient[c] = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, c, 0, 0) > 0;
	}
	i->group_count = getgroups(64, i->groups);
	i->secure_bits = prctl(PR_GET_SECUREBITS);
}

static void check(void)
{
	struct identity now;

	look(&now);
	victim_check(!memcmp(now.uids, first.uids, sizeof(now.uids)));
	victim_check(!memcmp(now.gids, first.gids, sizeof(now.gids)));
	victim_check(!memcmp(now.capabilities, first.capabilities, sizeof(now.capabilities)));
	victim_check(!memcmp(now.bounding, first.bounding, sizeof(now.bounding)));
	victim_check(!memcmp(now.ambient, first.ambient, sizeof(now.ambient)));
	victim_check(now.group_count == first.group_count);
	victim_check(!memcmp(now.groups, first.groups, sizeof(now.groups)));
	victim_check(now.secure_bits == first.secure_bits);
}

int main(void)
{
	look(&first);
	return victim_run(check);
}
