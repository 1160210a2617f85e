# program: PostgreSQL under pgbench: no committed transaction lost, all sums right
# needs: python3
# account: plain
# writes: yes
. ./frame.sh
PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
export PGHOST=$PWD PGDATABASE=postgres
initdb -D data -A trust -N >initdb.log 2>&1 || bad "$(cat initdb.log)"
postgres -D data -k "$PWD" -c listen_addresses= -c shared_buffers=16MB -c max_connections=20 \
  -c wal_level=minimal -c max_wal_senders=0 2>postgres.log &
background=$!
await psql -qAtc 'select 1'
pgbench -i -s 1 -q >pgbench.log 2>&1 || bad "$(cat pgbench.log)"
ask() { psql -qAtXc "$1"; }
# A client that stays, its transactions counted on both sides.
mkfifo in
psql -qAtX <in >answers 2>&1 &
exec 3>in
echo 'create table notes (n int);' >&3
done=0
while going; do
  echo "insert into notes values ($n);" >&3
  pgbench -n -c 4 -j 2 -t 25 >pgbench.log 2>&1 || bad "$(cat pgbench.log)"
  done=$((done + 100))
  got=$(ask 'select (select count(*) from pgbench_history),
    (select sum(delta) from pgbench_history) = (select sum(abalance) from pgbench_accounts),
    (select sum(delta) from pgbench_history) = (select sum(tbalance) from pgbench_tellers),
    (select sum(delta) from pgbench_history) = (select sum(bbalance) from pgbench_branches)')
  same sums "$got" "$done|t|t|t"
  tick
done
echo 'select count(*), sum(n) from notes;' >&3
exec 3>&-
wait $! || true
same notes "$(tail -n 1 answers)" "$n|$((n * (n - 1) / 2))"
# After a crash of the server, what it has confirmed is on disk.
kill -QUIT $background
wait $background || true
background=
pg_ctl -D data -s -o "-k $PWD -c listen_addresses=" -l second.log start || bad "$(cat second.log)"
got=$(ask 'select count(*) from pgbench_history')
pg_ctl -D data -s -m fast stop
same recovered "$got" "$done"
done_well
