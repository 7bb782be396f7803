# SPDX-License-Identifier: Apache-2.0
# sudoku by backtracking. '.' or 0 is an empty cell
import sys
import time

def read(s):
    digits = [c for c in s if c in '.0123456789']
    if len(digits) != 81:
        raise ValueError('need 81 cells, got %d' % len(digits))
    g = [0 if c == '.' else int(c) for c in digits]
    return [g[i:i+9] for i in range(0, 81, 9)]

def possible(g, r, c, n):
    for k in range(9):
        if g[r][k] == n or g[k][c] == n:
            return False
    br = r // 3 * 3
    bc = c // 3 * 3
    for i in range(br, br + 3):
        for j in range(bc, bc + 3):
            if g[i][j] == n:
                return False
    return True

counter = 0

def solve(g):
    global counter
    for r in range(9):
        for c in range(9):
            if g[r][c] == 0:
                for n in range(1, 10):
                    if possible(g, r, c, n):
                        g[r][c] = n
                        counter += 1
                        if solve(g):
                            return True
                        g[r][c] = 0
                return False
    return True

def show(g):
    for r in range(9):
        if r in (3, 6): print('------+-------+------')
        print(' '.join(str(n) for n in g[r][:3]), '|', ' '.join(str(n) for n in g[r][3:6]), '|', ' '.join(str(n) for n in g[r][6:]))

puzzle = '''
12. 456 789
456 789 12.
789 .23 456
2.4 365 897
365 897 214
897 2.4 36.
531 642 978
64. 978 531
9.8 531 642
'''

g = read(puzzle)
t0 = time.time()
if solve(g):
    show(g)
else:
    print('no solution')
print(counter, 'tries', round(time.time() - t0, 3), 's')
