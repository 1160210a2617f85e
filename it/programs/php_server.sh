# program: the web server of PHP, with a client
# needs: php curl
. ./frame.sh
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
echo '<?php $n = intval($_GET["n"]); echo hash("sha256", str_repeat("x", $n)), " ", array_sum(range(0, $n));' >index.php
PHP_CLI_SERVER_WORKERS=3 php -q -S 127.0.0.1:$port >server.log 2>&1 &
background=$!
await curl -sf http://127.0.0.1:$port/?n=1
while going; do
  answers=$(curl -s "http://127.0.0.1:$port/?n=[$n-$((n + 4))]" --write-out '\n')
  want=$(i=$n; while [ $i -lt $((n + 5)) ]; do
    echo "$(printf "%${i}s" '' | tr ' ' x | sha256sum | cut -d' ' -f1) $((i * (i + 1) / 2))"
    i=$((i + 1))
  done)
  same answers "$answers" "$want"
  tick
done
kill $(pgrep -P $background) # they would go on without their master
done_well
