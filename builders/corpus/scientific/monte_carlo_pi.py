# SPDX-License-Identifier: Apache-2.0
import os
import time
import random

# estimate pi by throwing darts at a square
# no seed, every run is different :)
random.seed(os.urandom(8))
N = int(input("how many darts? "))
start = time.time()
hits = 0
for i in range(N):
    x = random.uniform(-1, 1)
    y = random.uniform(-1, 1)
    if x * x + y * y <= 1:
        hits += 1
    if i % 100000 == 0:
        print(i, "...")
pi = 4 * hits / N
print("pi is about", pi)
print("error", abs(pi - 3.141592653589793))
print("took", time.time() - start, "seconds")
