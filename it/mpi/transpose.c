/*
 * All-to-all: a square matrix, distributed by rows, is transposed and incremented in every step: all
 * pairs of ranks exchange at once.
 */
#include "kernel.h"

#define BLOCK 48 /* rows per rank */

static long *rows, *packed, *received;
static int own, all;

static long initial(long row, long column)
{
	return row * 100003 + column * 31;
}

static void begin(int rank, int ranks)
{
	long width = (long)ranks * BLOCK;

	own = rank;
	all = ranks;
	rows = malloc(BLOCK * width * sizeof(*rows));
	packed = malloc(BLOCK * width * sizeof(*packed));
	received = malloc(BLOCK * width * sizeof(*received));
	for (long r = 0; r < BLOCK; r++)
		for (long c = 0; c < width; c++)
			rows[r * width + c] = initial(rank * BLOCK + r, c);
}

static void step(long number)
{
	long width = (long)all * BLOCK;

	(void)number;
	for (int peer = 0; peer < all; peer++)
		for (long c = 0; c < BLOCK; c++)
			for (long r = 0; r < BLOCK; r++)
				packed[(peer * BLOCK + c) * BLOCK + r] =
					rows[r * width + peer * BLOCK + c] + 1;
	MPI_Alltoall(packed, BLOCK * BLOCK, MPI_LONG, received, BLOCK * BLOCK, MPI_LONG,
		     MPI_COMM_WORLD);
	for (int peer = 0; peer < all; peer++)
		for (long r = 0; r < BLOCK; r++)
			for (long c = 0; c < BLOCK; c++)
				rows[r * width + peer * BLOCK + c] =
					received[(peer * BLOCK + r) * BLOCK + c];
}

static void check(long steps)
{
	long width = (long)all * BLOCK;

	for (long r = 0; r < BLOCK; r++)
		for (long c = 0; c < width; c++) {
			long row = own * BLOCK + r;
			long value = steps % 2 ? initial(c, row) : initial(row, c);

			kernel_check(rows[r * width + c] == value + steps, "a cell of the matrix");
		}
}

int main(int argc, char **argv)
{
	return kernel_run(argc, argv, begin, step, check);
}
