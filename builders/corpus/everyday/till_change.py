# SPDX-License-Identifier: Apache-2.0
# fewest coins for an amount, with the coins of ANY country (py 2.x)
# greedy is wrong for e.g. 1,3,4 and 6 -> 3+3

def change(amount, coins):
    INF = 10 ** 9
    best = [0] + [INF] * amount
    last = [None] * (amount + 1)
    for a in xrange(1, amount + 1):
        for c in coins:
            if c <= a and best[a - c] + 1 < best[a]:
                best[a] = best[a - c] + 1
                last[a] = c
    if best[amount] >= INF:
        return None
    res = {}
    while amount > 0:
        c = last[amount]
        res[c] = res.get(c, 0) + 1
        amount -= c
    return res

coins = map(int, raw_input("coins: ").split(","))
amount = int(round(float(raw_input("amount in euro: ")) * 100))
r = change(amount, coins)
if r is None:
    print "not possible"
else:
    for c, n in sorted(r.iteritems(), reverse=True):
        print "%3d x %d" % (n, c)
