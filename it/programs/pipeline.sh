# A pipeline of five processes; every stage holds data when it is interrupted.
i=0
while [ $i -lt 600 ]; do
  i=$((i + 1))
  echo "line $i"
  [ $((i % 10)) -ne 0 ] || sleep 0.02
done | sed -u 's/line/LINE/' | grep --line-buffered -v '7$' | awk '{ s += $2; print NR, $0, s; fflush() }' | cat
echo "pipeline ended with $?"
