/*
 * Memory that processes of the tree had in common: the builder fills it and they inherit it
 * (resource/memory_inherit.h). Here: who comes first, and which of it a new process is given.
 */
#ifndef INHERITANCE_H
#define INHERITANCE_H

#include "rebuild.h"
#include "tree.h"

/*
 * Sets r->inherited: finds what may be in common and takes its place in our memory, as early as can
 * be. False: some of it is not to be had here. Nothing in common is no failure.
 */
bool inheritance_reserve(struct rebuild *r, const struct tree *t);
/* In process 1, before the tree is made. */
void inheritance_fill(struct rebuild *r, const struct tree *t);
/*
 * Around the making of node @index: what neither it nor those whom it creates want is held back, or
 * the kernel would copy page tables for nothing.
 */
void inheritance_hold_back(const struct rebuild *r, int index);
void inheritance_hand_out(const struct rebuild *r, int index);
/* The process of this image has none of it. */
void inheritance_leave_out(struct rebuild *r, size_t image);
/* What all forks of the tree may take longer for it. */
uint32_t inheritance_copy_ms(const struct rebuild *r, const struct tree *t);
/* This process needs it no longer. */
void inheritance_release(struct rebuild *r);

#endif
