/*
 * Frame of the kernels: steps until SIGUSR1 comes to any rank, then every rank checks what it has
 * against what the same number of steps must give, and rank 0 prints "ok".
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <mpi.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile sig_atomic_t kernel_asked;

static void kernel_on_signal(int signal)
{
	(void)signal;
	kernel_asked = 1;
}

__attribute__((unused)) static void kernel_check(bool good, const char *what)
{
	if (good)
		return;
	printf("bad: %s\n", what);
	fflush(stdout);
	MPI_Abort(MPI_COMM_WORLD, 1);
}

/*
 * One pair after the other. Where two ranks call each other at once Open MPI closes one connection,
 * and its remains (TIME_WAIT) keep a restart from the port for a minute.
 */
static void kernel_connect(int rank, int ranks)
{
	int word = 0;

	for (int from = 0; from < ranks; from++)
		for (int to = from + 1; to < ranks; to++)
			if (rank == from)
				MPI_Send(&word, 1, MPI_INT, to, 0, MPI_COMM_WORLD);
			else if (rank == to)
				MPI_Recv(&word, 1, MPI_INT, from, 0, MPI_COMM_WORLD,
					 MPI_STATUS_IGNORE);
}

/* @step gets the number of the step, from 0; @check that of the steps done. */
static int kernel_run(int argc, char **argv, void (*begin)(int rank, int ranks),
		      void (*step)(long number), void (*check)(long steps))
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	int rank, ranks, asked = 0;
	long number = 0;

	signal(SIGUSR1, kernel_on_signal);
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	kernel_connect(rank, ranks);
	begin(rank, ranks);
	if (!rank) {
		printf("ready\n");
		fflush(stdout);
	}
	while (!asked) {
		int own = kernel_asked;

		step(number++);
		if (!rank && number % 50 == 0) {
			printf("tick %ld\n", number);
			fflush(stdout);
		}
		MPI_Allreduce(&own, &asked, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
		nanosleep(&pause, NULL);
	}
	check(number);
	MPI_Barrier(MPI_COMM_WORLD);
	if (!rank) {
		printf("ok\n");
		fflush(stdout);
	}
	MPI_Finalize();
	return 0;
}

#endif
