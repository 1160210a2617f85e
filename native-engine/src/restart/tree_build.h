/* Makes the processes of a planned tree: each runs our code for what it must do itself. */
#ifndef TREE_BUILD_H
#define TREE_BUILD_H

#include "board.h"
#include "rebuild.h"
#include "tree.h"

struct tree_build {
	struct tree *tree;
	struct board *board;
	struct rebuild *rebuild;
	int report_fd; /* holders tell the supervisor of their children here */
};

/*
 * In the builder, process 1: on success every member but the zombies stands still in our code, with
 * its ids, session, group, terminal and everything of restore_inside. All signals must be blocked.
 */
int tree_build(struct tree_build *b, struct fault *fault);

#endif
