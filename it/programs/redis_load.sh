# program: redis-server under redis-benchmark
# writes: yes
# needs: redis-server redis-benchmark
. ./frame.sh
redis-server --port 0 --unixsocket "$PWD/r.sock" --save '' --io-threads 2 >redis.log 2>&1 &
background=$!
ask() { redis-cli -s "$PWD/r.sock" "$@"; }
await ask ping
while going; do
  redis-benchmark -s "$PWD/r.sock" -q -c 20 -n 3000 INCR counter >load 2>&1 || bad "$(cat load)"
  ! grep -i error load || bad "$(cat load)"
  same counter "$(ask get counter)" $(((n + 1) * 3000))
  tick
done
done_well
