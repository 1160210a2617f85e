/*
 * victim: shared anonymous memory of a parent and its child
 * category: memory
 */
#include <sys/prctl.h>

#include "mapping.h"

#define PAGES 64

struct talk {
	volatile uint32_t asked, answered;
};

static char *area; /* the talk is page 0; the child wrote the odd ones, the parent the even ones */
static struct talk *talk;
static pid_t child;

static void child_life(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 1; i < PAGES / 2; i += 2)
		mapping_fill(area, i, 9);
	talk->answered = 1;
	for (;;) {
		struct timespec pause = { .tv_nsec = 2000000 };

		nanosleep(&pause, NULL);
		if (talk->asked != talk->answered) {
			/* sees what the parent wrote, and the other way round */
			if (!mapping_holds(area, PAGES - 2, talk->asked))
				_exit(1);
			mapping_fill(area, PAGES - 1, talk->asked);
			talk->answered = talk->asked;
		}
	}
}

static void check(void)
{
	uint32_t question = talk->asked + 1;

	for (size_t i = 1; i < PAGES - 2; i++) {
		if (i >= PAGES / 2)
			victim_check(mapping_is_zero(area, i));
		else if (i % 2 == 0)
			victim_check(mapping_holds(area, i, 8));
		/* until the end the parent does not touch the child's pages */
		else if (victim_asked_to_finish)
			victim_check(mapping_holds(area, i, 9));
	}
	mapping_fill(area, PAGES - 2, question);
	talk->asked = question;
	for (int i = 0; i < 2500 && talk->answered != question; i++) {
		struct timespec pause = { .tv_nsec = 2000000 };

		nanosleep(&pause, NULL);
	}
	victim_check(talk->answered == question);
	victim_check(mapping_holds(area, PAGES - 1, question));
}

int main(void)
{
	area = mapping_shared(PAGES * PAGE);
	talk = (struct talk *)area;
	talk->asked = 1;
	for (size_t i = 2; i < PAGES / 2; i += 2)
		mapping_fill(area, i, 8);
	child = fork();
	victim_check(child >= 0);
	if (!child)
		child_life();
	while (talk->answered != 1)
		usleep(1000);
	victim_run(check);
	kill(child, SIGKILL);
	victim_check(waitpid(child, NULL, 0) == child);
	return 0;
}
