# program: a log that is appended to all the time: no line lost or doubled
# writes: yes
. ./frame.sh
(i=0; while [ ! -e finish ]; do i=$((i + 1)); echo "entry $i" >>log; sleep 0.002; done; echo "last $i" >>log) &
python3 -c '
import os
log = os.open("log2", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
n = 0
while not os.path.exists("finish"):
    n += 1
    os.write(log, b"entry %d\n" % n)
os.write(log, b"last %d\n" % n)' &
while going; do
  sleep 0.03
  tick
done
wait
for file in log log2; do
  count=$(sed -n 's/^last //p' $file)
  same $file "$(grep -c ^entry $file)" "$count"
  grep ^entry $file | awk '$2 != NR { exit 1 }' || bad "$file is out of order"
done
done_well
