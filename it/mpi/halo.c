/*
 * Halo exchange: a ring of cells, each rank has a part of it and the edges of its neighbours. Every
 * step moves all cells by one. In flight: large messages in both directions at once.
 */
#include "kernel.h"

#define CELLS 20000 /* per rank */
#define EDGE 8000   /* cells that are exchanged: beyond any eager limit */

static double part[CELLS], left_edge[EDGE], right_edge[EDGE];
static int own, all;

static double initial(long cell)
{
	return (double)(cell * 7919 % 1000003);
}

static void begin(int rank, int ranks)
{
	own = rank;
	all = ranks;
	for (long i = 0; i < CELLS; i++)
		part[i] = initial((long)rank * CELLS + i);
}

static void step(long number)
{
	int left = (own + all - 1) % all, right = (own + 1) % all;
	MPI_Request requests[4];
	MPI_Status statuses[4];

	(void)number;
	MPI_Irecv(left_edge, EDGE, MPI_DOUBLE, left, 1, MPI_COMM_WORLD, &requests[0]);
	MPI_Irecv(right_edge, EDGE, MPI_DOUBLE, right, 2, MPI_COMM_WORLD, &requests[1]);
	MPI_Isend(part + CELLS - EDGE, EDGE, MPI_DOUBLE, right, 1, MPI_COMM_WORLD, &requests[2]);
	MPI_Isend(part, EDGE, MPI_DOUBLE, left, 2, MPI_COMM_WORLD, &requests[3]);
	MPI_Waitall(4, requests, statuses);
	for (long i = CELLS - 1; i > 0; i--)
		part[i] = part[i - 1];
	part[0] = left_edge[EDGE - 1];
}

static void check(long steps)
{
	long cells = (long)all * CELLS;

	for (long i = 0; i < CELLS; i++) {
		long from = (((long)own * CELLS + i - steps) % cells + cells) % cells;

		kernel_check(part[i] == initial(from), "a cell of the ring");
	}
}

int main(int argc, char **argv)
{
	return kernel_run(argc, argv, begin, step, check);
}
