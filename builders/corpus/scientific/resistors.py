# SPDX-License-Identifier: Apache-2.0
# resistance of a network, written as nested lists
#   ["s", 10, 20]           series
#   ["p", 10, ["s", 5, 5]]  parallel

def R(net):
    if isinstance(net, (int, float)):
        return float(net)
    kind = net[0]
    vals = [R(n) for n in net[1:]]
    if kind == "s":
        return sum(vals)
    if kind == "p":
        if 0 in vals: return 0.0     # short circuit
        return 1 / sum(1 / v for v in vals)
    raise ValueError("what is " + str(kind))

net = ["s", 100, ["p", 220, 330, ["s", 47, 53]], 10]
U = float(input("Voltage: "))
total = R(net)
print("R =", round(total, 3), "Ohm")
print("I =", round(U / total * 1000, 2), "mA")
print("P =", round(U * U / total, 3), "W")
