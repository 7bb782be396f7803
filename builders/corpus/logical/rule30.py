# SPDX-License-Identifier: Apache-2.0
# wolfram's elementary cellular automata, ring of cells
rule = 30
width = 31
steps = 15

# table[4*left + 2*me + right] -> new me
table = [(rule >> i) & 1 for i in range(8)]

cells = [0] * width
cells[width // 2] = 1

for step in range(steps):
    print(''.join('#' if c else '.' for c in cells))
    new = []
    for i in range(width):
        l = cells[i - 1]             # -1 wraps by itself in python
        r = cells[(i + 1) % width]
        new.append(table[4 * l + 2 * cells[i] + r])
    cells = new

print("alive at the end:", sum(cells))
