# program: a big file being read in many ways
# run: python3 big_input.py
# needs: python3
import hashlib
import mmap
import os
import sys
import time

BLOCK = 1 << 16
with open("input", "wb") as file:
    for i in range(1024):
        file.write(hashlib.sha256(b"%d" % i).digest() * (BLOCK // 32))
plain = open("input", "rb", buffering=0)
buffered = open("input", "rb", buffering=1 << 20)
mapped = mmap.mmap(plain.fileno(), 0, prot=mmap.PROT_READ)
n = 0
while not os.path.exists("finish"):
    want = hashlib.sha256(b"%d" % (n % 1024)).digest() * (BLOCK // 32)
    if n % 1024 == 0:
        plain.seek(0)
        buffered.seek(0)
    block = plain.read(BLOCK)
    while len(block) < BLOCK:
        block += plain.read(BLOCK - len(block))
    at = n % 1024 * BLOCK
    for what, got in (("read", block), ("buffered", buffered.read(BLOCK)),
                      ("mapped", mapped[at:at + BLOCK]),
                      ("pread", os.pread(plain.fileno(), BLOCK, at))):
        if got != want:
            print("bad:", what, n, flush=True)
            sys.exit(1)
    n += 1
    time.sleep(0.01)
    print("tick", n, flush=True)
print("ok", flush=True)
sys.exit(3)
