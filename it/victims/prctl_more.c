/*
 * victim: prctl state that few programs set: memory errors, merging of pages, secure bits
 * category: process
 * scenarios: cycles twice
 * remark: what the kernel or the account does not allow to set is not checked
 */
#include <sys/prctl.h>

#include "victim.h"

static const struct setting {
	const char *name;
	unsigned long set[4], get[2];
} settings[] = {
	{ "PR_MCE_KILL", { PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY }, { PR_MCE_KILL_GET } },
	{ "PR_SET_MEMORY_MERGE", { 67, 1 }, { 68 } },
	{ "PR_SET_IO_FLUSHER", { PR_SET_IO_FLUSHER, 1 }, { PR_GET_IO_FLUSHER } },
	{ "PR_SPEC_STORE_BYPASS", { PR_SET_SPECULATION_CTRL, 0, PR_SPEC_DISABLE },
	  { PR_GET_SPECULATION_CTRL, 0 } },
	{ "PR_SPEC_INDIRECT_BRANCH", { PR_SET_SPECULATION_CTRL, 1, PR_SPEC_DISABLE },
	  { PR_GET_SPECULATION_CTRL, 1 } },
	{ "PR_SPEC_L1D_FLUSH", { PR_SET_SPECULATION_CTRL, 2, PR_SPEC_ENABLE },
	  { PR_GET_SPECULATION_CTRL, 2 } },
	{ "PR_SET_SECUREBITS", { PR_SET_SECUREBITS, 1 << 8 | 1 << 10 }, { PR_GET_SECUREBITS } },
	{ "PR_SET_KEEPCAPS", { PR_SET_KEEPCAPS, 1 }, { PR_GET_KEEPCAPS } },
	{ "PR_SET_THP_DISABLE", { PR_SET_THP_DISABLE, 1, 2 }, { PR_GET_THP_DISABLE } },
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))
static int values[SETTINGS];

static int ask(const struct setting *s)
{
	return prctl(s->get[0], s->get[1], 0, 0, 0);
}

static void check(void)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (ask(&settings[i]) != values[i])
			victim_bad("%s was %d and is %d", settings[i].name, values[i],
				   ask(&settings[i]));
}

int main(void)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		const unsigned long *set = settings[i].set;

		prctl(set[0], set[1], set[2], set[3], 0);
	}
	for (size_t i = 0; i < SETTINGS; i++)
		values[i] = ask(&settings[i]);
	return victim_run(check);
}
