# make with four jobs in the middle of a build.
set -e
mkdir -p src
i=0
while [ $i -lt 14 ]; do
  i=$((i + 1))
  { echo "#include <stdio.h>"; echo "#include <stdlib.h>"; echo "#include <string.h>"
    j=0; while [ $j -lt 40 ]; do j=$((j + 1)); echo "long f${i}_$j(long x) { for (long k = 0; k < x; k++) x ^= k * $j; return x + $i; }"; done
    echo "long g$i(long x) { return f${i}_1(x) + f${i}_40(x); }"; } >src/f$i.c
done
{ i=0; while [ $i -lt 14 ]; do i=$((i + 1)); echo "long g$i(long);"; done
  echo "#include <stdio.h>"; echo "int main(void) { long s = 0;"
  i=0; while [ $i -lt 14 ]; do i=$((i + 1)); echo "s += g$i($i);"; done
  echo 'printf("%ld\n", s); return 0; }'; } >src/main.c
cat >src/Makefile <<'M'
objects := $(patsubst %.c,%.o,$(wildcard *.c))
program: $(objects)
	gcc -o $@ $^
%.o: %.c
	gcc -O2 -c -o $@ $<
M
echo "building"
make -s -j4 -C src
src/program
