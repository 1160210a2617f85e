# program: MariaDB as it comes, with asynchronous I/O: transfers of several clients, no sum changes
# needs: mariadbd mariadb mariadb-install-db
# account: plain
# writes: yes
. ./frame.sh
mariadb-install-db --no-defaults --datadir="$PWD/data" --auth-root-authentication-method=normal \
  --skip-test-db >install.log 2>&1 || bad "$(tail -n 5 install.log)"
mariadbd --no-defaults --datadir="$PWD/data" --socket="$PWD/m.sock" --skip-networking \
  --pid-file="$PWD/m.pid" --innodb-buffer-pool-size=16M --innodb-log-file-size=16M \
  --innodb-flush-method=O_DIRECT --max-connections=20 2>mariadb.log &
background=$!
ask() { mariadb --no-defaults -u root -S "$PWD/m.sock" -BN -e "$1" work 2>&1; }
await mariadb --no-defaults -u root -S "$PWD/m.sock" -e 'create database if not exists work'
ask 'create table accounts (id int primary key, sum int, text varchar(500)) engine=innodb;
  insert into accounts select seq, 100, repeat("x", 400) from seq_1_to_2000;
  create table moves (n int auto_increment primary key, from_id int, to_id int) engine=innodb;
  delimiter //
  create procedure move(times int) begin
    while times > 0 do
      set @a = 1 + floor(rand() * 1999), @b = 1 + @a, times = times - 1;
      start transaction;
      update accounts set sum = sum - 1 where id = @a;
      update accounts set sum = sum + 1, text = repeat("y", 1 + @a % 400) where id = @b;
      insert into moves (from_id, to_id) values (@a, @b);
      commit;
    end while;
  end//' | grep . && bad tables
moved=0
while going; do
  for client in 1 2 3; do
    ask 'call move(20)' >answer$client &
    eval "client$client=\$!"
  done
  wait $client1 && wait $client2 && wait $client3 || bad "$(cat answer?)"
  moved=$((moved + 60))
  same sums "$(ask 'select sum(sum), (select count(*) from moves) from accounts')" "200000	$moved"
  tick
done
same tables "$(ask 'check table accounts, moves' | grep -vc 'OK$')" 0
done_well
