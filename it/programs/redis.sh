# A server and its client: what was confirmed must be there, and every counter right.
set -e
redis-server --port 0 --unixsocket "$PWD/r.sock" --save '' --appendonly no >redis.log 2>&1 &
server=$!
ask() { redis-cli -s "$PWD/r.sock" "$@"; }
for try in $(seq 100); do ask ping >/dev/null 2>&1 && break; sleep 0.05; done
echo "serving"
(i=0; while [ $i -lt 400 ]; do i=$((i + 1)); echo "INCR counter"; echo "RPUSH list item-$i"; echo "SET key:$i $((i * i))"; done) |
  while read -r line; do echo "$line"; sleep 0.002; done | ask >answers
echo "answers $(wc -l <answers)"
ask get counter
ask llen list
ask lindex list -1
ask get key:399
kill $server
wait $server || true
echo "served"
