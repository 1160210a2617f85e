<?php
// program: PHP with generators, sockets and a child process
// run: php php.php
// needs: php
function check($what, $got, $want) {
    if ($got !== $want) {
        echo "bad: $what: ", var_export($got, true), " instead of ", var_export($want, true), "\n";
        exit(1);
    }
}
function fibonacci() {
    for ([$a, $b] = [0, 1]; ; [$a, $b] = [$b, ($a + $b) % 1000003]) {
        yield $a;
    }
}
$server = stream_socket_server('tcp://127.0.0.1:0');
$client = stream_socket_client('tcp://' . stream_socket_get_name($server, false));
$peer = stream_socket_accept($server);
$child = proc_open(['php', '-r', 'while (($l = fgets(STDIN)) !== false) echo intval($l) * 3, "\n";'],
    [['pipe', 'r'], ['pipe', 'w'], STDERR], $pipes);
$numbers = fibonacci();
[$a, $b] = [0, 1];
$kept = [];
for ($n = 0; !file_exists('finish'); clearstatcache()) {
    fwrite($client, "line $n\n");
    check('socket', fgets($peer), "line $n\n");
    fwrite($pipes[0], "$n\n");
    check('child', fgets($pipes[1]), $n * 3 . "\n");
    check('generator', $numbers->current(), $a);
    $numbers->next();
    [$a, $b] = [$b, ($a + $b) % 1000003];
    $kept[] = hash('sha256', (string) $n);
    check('kept', $kept[intdiv($n, 2)], hash('sha256', (string) intdiv($n, 2)));
    usleep(30000);
    $n++;
    echo "tick $n\n";
}
echo "ok\n";
exit(3);
