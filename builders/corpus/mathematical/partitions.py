# SPDX-License-Identifier: Apache-2.0
# In how many ways can n be written as a sum?
#
# 5 = 4+1 = 3+2 = 3+1+1 = 2+2+1 = 2+1+1+1 = 1+1+1+1+1   -> 7

import sys
from functools import lru_cache


def count_dp(n):
    ways = [1] + [0] * n
    for part in range(1, n + 1):
        for total in range(part, n + 1):
            ways[total] += ways[total - part]
    return ways[n]


@lru_cache(maxsize=None)
def count_rec(n, biggest):
    if n == 0:
        return 1
    if n < 0 or biggest == 0:
        return 0
    return count_rec(n - biggest, biggest) + count_rec(n, biggest - 1)


def all_partitions(n, biggest=None):
    if biggest is None:
        biggest = n
    if n == 0:
        return [[]]
    res = []
    for first in range(min(n, biggest), 0, -1):
        for rest in all_partitions(n - first, first):
            res.append([first] + rest)
    return res


def only_distinct(n):
    return [p for p in all_partitions(n) if len(set(p)) == len(p)]


def only_odd(n):
    return [p for p in all_partitions(n) if all(k % 2 == 1 for k in p)]


# ---- tests ----
def test_small():
    assert [count_dp(i) for i in range(8)] == [1, 1, 2, 3, 5, 7, 11, 15]

def test_same():
    for i in range(12):
        assert count_dp(i) == count_rec(i, i) == len(all_partitions(i))

def test_euler():
    # Euler: as many with distinct parts as with odd parts
    for i in range(1, 12):
        assert len(only_distinct(i)) == len(only_odd(i))


if __name__ == "__main__":
    test_small(); test_same(); test_euler()
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    for p in all_partitions(n):
        print(" + ".join(map(str, p)))
    print(count_dp(n), "ways")
