/*
 * victim: a counting program
 * category: process
 * variants: dynamic static
 */
#include "victim.h"

static unsigned long counted, complement = ~0ul;

static void check(void)
{
	victim_check(counted == ~complement);
	counted++;
	complement--;
}

int main(void)
{
	return victim_run(check);
}
