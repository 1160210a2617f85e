# program: a tree of VARIANT processes
# run: python3 many.py VARIANT
# needs: python3
# variants: 40
import os
import sys

count = int(sys.argv[1])
fan = 20


def child(number, up):
    """Answers what comes from above, and asks what is below."""
    parts = [start(n) for n in range(number * fan + 1, number * fan + fan + 1) if n < count]
    while word := up[0].read(8):
        n = int.from_bytes(word, "little")
        total = number * n
        for to, _ in parts:
            to.write(word)
            to.flush()
        for _, back in parts:
            total += int.from_bytes(back.read(8), "little")
        up[1].write(total.to_bytes(8, "little"))
        up[1].flush()
    os._exit(0)


def start(number):
    down_read, down_write = os.pipe()
    up_read, up_write = os.pipe()
    if os.fork() == 0:
        os.close(down_write)
        os.close(up_read)
        child(number, (os.fdopen(down_read, "rb"), os.fdopen(up_write, "wb")))
    os.close(down_read)
    os.close(up_write)
    return os.fdopen(down_write, "wb"), os.fdopen(up_read, "rb")


to, back = start(0)
n = 0
while not os.path.exists("finish"):
    to.write(n.to_bytes(8, "little"))
    to.flush()
    got = int.from_bytes(back.read(8), "little")
    if got != n * (count - 1) * count // 2:
        print("bad: sum", got, n, flush=True)
        sys.exit(1)
    n += 1
    print("tick", n, flush=True)
print("ok", flush=True)
sys.exit(3)
