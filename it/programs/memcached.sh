# program: memcached with clients
# needs: memcached python3
. ./frame.sh
memcached -u "$(id -un)" -s "$PWD/m.sock" -t 3 -m 64 2>memcached.log &
background=$!
await test -S m.sock
cat >client.py <<'P'
import os, socket, sys
peers = [socket.socket(socket.AF_UNIX) for _ in range(8)]
for peer in peers:
    peer.connect("m.sock")
files = [peer.makefile("rwb") for peer in peers]
def ask(f, text, lines=1):
    f.write(text.encode()); f.flush()
    return [f.readline().decode().strip() for _ in range(lines)]
assert ask(files[0], "set counter 0 0 1\r\n0\r\n") == ["STORED"]
n = 0
while not os.path.exists("finish"):
    for i, f in enumerate(files):
        got = ask(f, "incr counter 1\r\n")
        if got != [str(n * 8 + i + 1)]:
            print("bad: counter", got, n, i, flush=True); os._exit(1)
        value = str(n) * 100
        ask(f, f"set key{i}:{n} 0 0 {len(value)}\r\n{value}\r\n")
        got = ask(files[i - 1], f"get key{i}:{n}\r\n", 3)
        if got[1] != value:
            print("bad: value", got, flush=True); os._exit(1)
    n += 1
    print("tick", n, flush=True)
    import time; time.sleep(0.02)
P
python3 client.py || bad client
done_well
