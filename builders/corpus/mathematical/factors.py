# SPDX-License-Identifier: Apache-2.0
import math
import sys

sys.setrecursionlimit(5000)  # not sure if needed

n = int(input("n = "))
m = n
factors = {}
p = 2
while p * p <= m:
    while m % p == 0:
        factors[p] = factors.get(p, 0) + 1
        m //= p
    p += 1
if m > 1:
    factors[m] = factors.get(m, 0) + 1

print(n, "=", " * ".join("%d^%d" % (p, e) if e > 1 else str(p) for p, e in factors.items()))

# number of divisors, sum of divisors, euler phi
tau = 1
sigma = 1
phi = 1
for p, e in factors.items():
    tau *= e + 1
    sigma *= (p ** (e + 1) - 1) // (p - 1)
    phi *= p ** (e - 1) * (p - 1)
print("tau", tau)
print("sigma", sigma)
print("phi", phi)
if sigma == 2 * n:
    print("PERFECT number!")
elif sigma > 2 * n:
    print("abundant")
else:
    print("deficient")
