# A chain of digests over objects of many kinds; every line depends on all before.
import hashlib
import sys
import threading
import time

steps = int(sys.argv[1])
state = {"digest": b"", "list": list(range(1000)), "text": "é" * 100}
lock = threading.Lock()


def step(n):
    with lock:
        h = hashlib.sha256(state["digest"])
        h.update(repr(state["list"]).encode())
        h.update(state["text"].encode())
        state["digest"] = h.digest()
        state["list"][n % 1000] ^= h.digest()[0]


for n in range(steps):
    worker = threading.Thread(target=step, args=(n,))
    worker.start()
    worker.join()
    print(n, state["digest"].hex(), flush=True)
    time.sleep(0.02)
