/*
 * Reductions: sums, extremes and prefix sums over all ranks, and a broadcast from another rank in
 * every step. Whole numbers: the order of the additions does not show.
 */
#include "kernel.h"

#define VALUES 4096

static long sums[VALUES];
static int own, all;

static void begin(int rank, int ranks)
{
	own = rank;
	all = ranks;
}

static void step(long number)
{
	static long mine[VALUES], sum[VALUES];
	long prefix = 0, one = own + 1, word = 0, root = number % all;

	for (long i = 0; i < VALUES; i++)
		mine[i] = (own + 1) * (i + number);
	MPI_Allreduce(mine, sum, VALUES, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
	for (long i = 0; i < VALUES; i++)
		sums[i] += sum[i];
	MPI_Scan(&one, &prefix, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
	kernel_check(prefix == (long)(own + 1) * (own + 2) / 2, "a prefix sum");
	if (own == root)
		word = number * 17 + 3;
	MPI_Bcast(&word, 1, MPI_LONG, (int)root, MPI_COMM_WORLD);
	kernel_check(word == number * 17 + 3, "a broadcast");
}

static void check(long steps)
{
	long ranks = (long)all * (all + 1) / 2;

	for (long i = 0; i < VALUES; i++)
		kernel_check(sums[i] == ranks * (i * steps + steps * (steps - 1) / 2), "a sum");
}

int main(int argc, char **argv)
{
	return kernel_run(argc, argv, begin, step, check);
}
