! program: Fortran with OpenMP
! run: sh -c gfortran -O2 -fopenmp -o fortran openmp.f90 && exec ./fortran
! needs: gfortran
program relaxation
  use omp_lib
  implicit none
  integer, parameter :: size = 200
  real(8) :: grid(size, size), next(size, size), total, again
  integer :: i, j, n
  logical :: finished

  n = 0
  do
    inquire(file='finish', exist=finished)
    if (finished) exit
    grid = 1d0
    do i = 1, 5
      !$omp parallel do num_threads(4)
      do j = 2, size - 1
        next(2:size-1, j) = (grid(1:size-2, j) + grid(3:size, j) &
          + grid(2:size-1, j-1) + grid(2:size-1, j+1)) / 4d0
      end do
      !$omp end parallel do
      grid(2:size-1, 2:size-1) = next(2:size-1, 2:size-1)
    end do
    total = 0d0
    !$omp parallel do reduction(+:total) num_threads(4)
    do j = 1, size
      total = total + sum(grid(:, j))
    end do
    !$omp end parallel do
    again = size * size
    if (abs(total - again) > 1d-6) then
      print '(a,f0.3)', 'bad: ', total
      stop 1
    end if
    n = n + 1
    print '(a,i0)', 'tick ', n
    flush(6)
    call sleep_a_little()
  end do
  print '(a)', 'ok'
  stop 3
contains
  subroutine sleep_a_little()
    real(8) :: from
    from = omp_get_wtime()
    do while (omp_get_wtime() - from < 0.02d0)
    end do
  end subroutine
end program
