# SPDX-License-Identifier: Apache-2.0
import matplotlib.pyplot as plt
import numpy   # ?

limit = 200
cache = {1: 0}

def length(n):
  if n in cache:
    return cache[n]
  if n % 2 == 0:
    r = 1 + length(n // 2)
  else:
    r = 1 + length(3*n + 1)
  cache[n] = r
  return r

xs, ys = [], []
best = (1, 0)
for i in range(1, limit + 1):
  xs.append(i); ys.append(length(i))
  if ys[-1] > best[1]:
    best = (i, ys[-1])
    print('new record', best)

plt.plot(xs, ys, '.')
plt.title('collatz steps, longest: %d' % best[0])
plt.show()
