# SPDX-License-Identifier: Apache-2.0
# Egyptian fractions (greedy) and continued fractions of the same number
from math import gcd, ceil

s = input("fraction like 4/13: ")
a, b = [int(t) for t in s.split("/")]
assert 0 < a < b

# --- greedy
x, y = a, b
parts = []
while x != 0:
    d = -(-y // x)          # ceil
    parts.append(d)
    x, y = x * d - y, y * d
    t = gcd(x, y)
    x, y = x // t, y // t
print(s, "=", " + ".join("1/" + str(d) for d in parts))

# --- continued fraction
x, y = a, b
cf = []
while y:
    cf.append(x // y)
    x, y = y, x % y
print("cf:", cf)
