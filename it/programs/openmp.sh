# The program is built before it runs; its threads are OpenMP's.
export OMP_WAIT_POLICY=passive
gcc -O2 -fopenmp -o openmp openmp.c && exec ./openmp
