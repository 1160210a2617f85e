# program: tar through gzip, xz and zstd and back
# needs: tar gzip xz zstd
. ./frame.sh
mkdir tree
i=0
while [ $i -lt 40 ]; do
  i=$((i + 1))
  seq $i 7 20000 >tree/$i
done
want=$(tar cf - --sort=name tree | sha256sum)
while going; do
  for squeeze in 'gzip -6' 'xz -0 -T2' 'zstd -q -3'; do
    got=$(tar cf - --sort=name tree | $squeeze | cat | $squeeze -dc | sha256sum)
    same "$squeeze" "$got" "$want"
    got=$(tar cf - --sort=name tree | $squeeze | tar xf - -O ${squeeze:+"--use-compress-program=${squeeze%% *}"} | wc -c)
    same "$squeeze, unpacked" "$got" "$(cat tree/* | wc -c)"
  done
  tick
done
done_well
