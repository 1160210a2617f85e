# program: daemons that fork twice: redis, memcached, and one of a shell
# writes: yes
# needs: redis-server memcached setsid
. ./frame.sh
redis-server --port 0 --unixsocket "$PWD/r.sock" --save '' --daemonize yes --pidfile "$PWD/r.pid" >/dev/null
memcached -d -u "$(id -un)" -s "$PWD/m.sock" -P "$PWD/m.pid"
(setsid sh -c 'echo $$ >d.pid; i=0; while [ ! -e finish ]; do i=$((i + 1)); echo $i >d.new; mv d.new d.now; sleep 0.02; done; echo done >d.end' </dev/null >/dev/null 2>&1 &)
await test -s r.pid
await test -s m.pid
await test -s d.now
background="$(cat r.pid) $(cat m.pid)"
ask() { redis-cli -s "$PWD/r.sock" "$@"; }
await ask ping
while going; do
  same redis "$(ask incr counter)" $((n + 1))
  before=$(cat d.now)
  await sh -c "test \$(cat d.now) != $before -o -s d.end"
  for pid in $background; do
    kill -0 "$pid" || bad "$pid has gone"
  done
  tick
done
await test -s d.end
for pid in $background; do kill "$pid"; done
background=
done_well
