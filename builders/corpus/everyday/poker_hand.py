# SPDX-License-Identifier: Apache-2.0
import random
from collections import Counter
# cards are like "TH" (ten of hearts), "2C", "AS"

ORDER = "23456789TJQKA"
SUITS = "CDHS"

class Hand:
    def __init__(self, cards):
        self.cards = cards
        self.values = sorted([ORDER.index(c[0]) for c in cards], reverse=True)
        self.suits = [c[1] for c in cards]

    def is_flush(self):
        return len(set(self.suits)) == 1

    def is_straight(self):
        v = self.values
        if v == [12, 3, 2, 1, 0]:   # A 2 3 4 5
            return True
        return len(set(v)) == 5 and v[0] - v[4] == 4

    def rank(self):
        counts = sorted(Counter(self.values).values(), reverse=True)
        if self.is_flush() and self.is_straight(): return 8
        if counts == [4, 1]: return 7
        if counts == [3, 2]: return 6
        if self.is_flush(): return 5
        if self.is_straight(): return 4
        if counts == [3, 1, 1]: return 3
        if counts == [2, 2, 1]: return 2
        if counts == [2, 1, 1, 1]: return 1
        return 0

    def key(self):
        c = Counter(self.values)
        tie = sorted(self.values, key=lambda v: (c[v], v), reverse=True)
        if self.is_straight() and tie[0] == 12 and tie[1] == 3:
            tie = [3, 2, 1, 0, -1]  # low ace
        return [self.rank()] + tie


NAMES = ["high card", "pair", "two pairs", "three of a kind", "straight", "flush",
         "full house", "four of a kind", "straight flush"]

deck = [v + s for v in ORDER for s in SUITS]
random.shuffle(deck)
a = Hand(deck[:5])
b = Hand(deck[5:10])
print("you:     ", " ".join(a.cards), "-", NAMES[a.rank()])
print("computer:", " ".join(b.cards), "-", NAMES[b.rank()])
if a.key() > b.key():
    print("you win!")
elif a.key() < b.key():
    print("computer wins")
else:
    print("draw")
