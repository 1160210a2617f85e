# program: make -j4 and gcc, again and again
# needs: make gcc
# writes: yes
. ./frame.sh
i=0
while [ $i -lt 6 ]; do
  i=$((i + 1))
  { echo '#include <stdio.h>'; echo '#include <stdlib.h>'; j=0; while [ $j -lt 20 ]; do j=$((j + 1))
    echo "long f${i}_$j(long x) { for (long k = 0; k < x; k++) x ^= k * $j; return x + $i; }"; done; } >f$i.c
done
cat >main.c <<'C'
#include <stdio.h>
long f1_1(long), f2_2(long), f3_3(long), f4_4(long), f5_5(long), f6_20(long);
int main(void) { printf("%ld\n", f1_1(3) + f2_2(4) + f3_3(5) + f4_4(6) + f5_5(7) + f6_20(8)); return 0; }
C
printf 'objects := $(patsubst %%.c,%%.o,$(wildcard *.c))\nprogram: $(objects)\n\tgcc -o $@ $^\n%%.o: %%.c\n\tgcc -O2 -pipe -c -o $@ $<\nclean:\n\trm -f *.o program\n' >Makefile
make -s -j4
want=$(./program)
sums=$(sha256sum *.o)
while going; do
  make -s clean
  make -s -j4 >make.log 2>&1 || bad "$(cat make.log)"
  same program "$(./program)" "$want"
  same objects "$(sha256sum *.o)" "$sums"
  tick
done
done_well
