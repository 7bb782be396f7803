# SPDX-License-Identifier: Apache-2.0
# Unit converter for the kitchen and the workshop
#
#   > 2 mi in km
#   > 350 F in C
#   > 3 cup in ml

import sys

# everything relative to one base unit per kind
TABLE = {
    "length": {"m": 1.0, "km": 1000.0, "cm": 0.01, "mm": 0.001,
               "in": 0.0254, "ft": 0.3048, "yd": 0.9144, "mi": 1609.344},
    "mass": {"kg": 1.0, "g": 0.001, "t": 1000.0, "oz": 0.028349523125, "lb": 0.45359237},
    "volume": {"l": 1.0, "ml": 0.001, "cup": 0.2365882365, "tbsp": 0.01478676478125,
               "tsp": 0.00492892159375, "gal": 3.785411784},
    "time": {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "wk": 604800.0},
}


class UnknownUnit(Exception):
    pass


class Converter:
    def __init__(self, table):
        self.kind = {}
        self.factor = {}
        for kind, units in table.items():
            for u, f in units.items():
                self.kind[u] = kind
                self.factor[u] = f

    def temperature(self, value, a, b):
        # to Celsius first
        if a == "F":
            c = (value - 32) * 5 / 9
        elif a == "K":
            c = value - 273.15
        else:
            c = value
        if b == "F":
            return c * 9 / 5 + 32
        if b == "K":
            return c + 273.15
        return c

    def convert(self, value, a, b):
        if a in "CFK" and b in "CFK":
            return self.temperature(value, a, b)
        for u in (a, b):
            if u not in self.kind:
                raise UnknownUnit(u)
        if self.kind[a] != self.kind[b]:
            raise ValueError("cannot turn %s into %s" % (self.kind[a], self.kind[b]))
        return value * self.factor[a] / self.factor[b]


def answer(conv, line):
    """'2 mi in km' -> '2 mi = 3.219 km' """
    words = line.split()
    if len(words) != 4 or words[2] not in ("in", "to"):
        return "please type: NUMBER UNIT in UNIT"
    try:
        value = float(words[0])
    except ValueError:
        return "not a number: " + words[0]
    try:
        res = conv.convert(value, words[1], words[3])
    except UnknownUnit as e:
        return "unknown unit: %s" % e
    except ValueError as e:
        return str(e)
    return "%s %s = %s %s" % (words[0], words[1], round(res, 3), words[3])


if __name__ == "__main__":
    conv = Converter(TABLE)
    if len(sys.argv) > 1:
        print(answer(conv, " ".join(sys.argv[1:])))
        sys.exit(0)
    while True:
        try:
            line = input("> ")
        except EOFError:
            break
        if line in ("q", "quit"):
            break
        print(answer(conv, line))
