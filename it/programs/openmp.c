/* OpenMP: a team of threads that meets at barriers all the time. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	static double grid[2][4096];
	double sum = 0;

	for (int i = 0; i < 4096; i++)
		grid[0][i] = i % 17;
	for (int step = 0; step < 300; step++) {
		double *from = grid[step % 2], *to = grid[(step + 1) % 2];
#pragma omp parallel for num_threads(4)
		for (int i = 0; i < 4096; i++)
			to[i] = (from[(i + 4095) % 4096] + from[i] + from[(i + 1) % 4096]) / 3;
		if (step % 10 == 0) {
			printf("step %d: %.12f\n", step, to[step]);
			fflush(stdout);
		}
		usleep(8000);
	}
	for (int i = 0; i < 4096; i++)
		sum += grid[0][i] * i;
	printf("sum %.12f\n", sum);
	return 0;
}
