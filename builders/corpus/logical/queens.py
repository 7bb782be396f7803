# SPDX-License-Identifier: Apache-2.0
# n queens, python 2
n = int(raw_input("board size? "))
solutions = []

def place(row, cols):
	if row == n:
		solutions.append(cols)
		return
	for c in xrange(n):
		ok = True
		for r in xrange(row):
			if cols[r] == c or abs(cols[r] - c) == row - r:
				ok = False
				break
		if ok:
			place(row + 1, cols + [c])

place(0, [])
print "number of solutions:", len(solutions)
if solutions:
	for c in solutions[0]:
		print ". " * c + "Q " + ". " * (n - c - 1)
