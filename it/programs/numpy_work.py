# program: NumPy with 100 MB of arrays
# run: python3 numpy_work.py
# needs: python3 python3:numpy
import os
import sys

import numpy as np

rng = np.random.default_rng(7)
big = rng.random(12_000_000)
total = big.sum()
a = rng.random((300, 300)) + 300 * np.eye(300)
n = 0
kept = []
while not os.path.exists("finish"):
    b = rng.random(300)
    x = np.linalg.solve(a, b)
    assert np.allclose(a @ x, b), "bad: solve"
    big[n % 1000] += 1.0
    assert abs(big.sum() - total - (n + 1)) < 1e-3, "bad: sum"
    kept.append(b)
    n += 1
    print("tick", n, flush=True)
again = np.random.default_rng(7)
again.random(12_000_000)
again.random((300, 300))
for b in kept:
    assert np.array_equal(b, again.random(300)), "bad: random numbers"
print("ok", flush=True)
sys.exit(3)
