# program: redis-server: clients that stay connected, publish and subscribe, persistence
# needs: redis-server redis-cli
# writes: yes
. ./frame.sh
redis-server --port 0 --unixsocket "$PWD/r.sock" --save '' --appendonly yes --appendfsync everysec \
  --daemonize no >redis.log 2>&1 &
background=$!
ask() { redis-cli -s "$PWD/r.sock" "$@"; }
await ask ping
# A client that stays for ever: what it counts and what the server counts is the same.
mkfifo in
redis-cli -s "$PWD/r.sock" <in >answers &
background="$background $!"
exec 3>in
redis-cli -s "$PWD/r.sock" subscribe news >heard &
background="$background $!"
await grep -q subscribe heard
while going; do
  echo "INCR counter" >&3
  same publish "$(ask publish news "item $n")" 1
  ask set "key:$n" $((n * n)) >/dev/null
  same get "$(ask get "key:$((n / 2))")" $((n / 2 * (n / 2)))
  ask rpush list "$n" >/dev/null
  [ $((n % 20)) -ne 7 ] || ask bgrewriteaof >/dev/null
  tick
done
counted() { [ "$(ask get counter)" = "$n" ]; }
await counted
same list "$(ask llen list)" "$n"
same answers "$(wc -l <answers)" "$n"
same heard "$(grep -c '^item' heard)" "$n"
ask debug loadaof >/dev/null
same reloaded "$(ask get counter) $(ask llen list)" "$n $n"
done_well
