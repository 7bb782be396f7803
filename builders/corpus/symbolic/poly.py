# SPDX-License-Identifier: Apache-2.0
"""Polynomials with integer coefficients.

coeffs are stored lowest power first:  3x^2 - 1  ->  [-1, 0, 3]
"""


class Poly(object):
	def __init__(self, coeffs):
		self.c = list(coeffs)
		while len(self.c) > 1 and self.c[-1] == 0:
			self.c.pop()

	def __add__(self, other):
		n = max(len(self.c), len(other.c))
		a = self.c + [0] * (n - len(self.c))
		b = other.c + [0] * (n - len(other.c))
		return Poly([x + y for x, y in zip(a, b)])

	def __mul__(self, other):
		res = [0] * (len(self.c) + len(other.c) - 1)
		for i, x in enumerate(self.c):
			for j, y in enumerate(other.c):
				res[i + j] += x * y
		return Poly(res)

	def derive(self):
		if len(self.c) == 1:
			return Poly([0])
		return Poly([k * a for k, a in enumerate(self.c)][1:])

	def __call__(self, x):
		# Horner
		v = 0
		for a in reversed(self.c):
			v = v * x + a
		return v

	def __str__(self):
		parts = []
		for k in range(len(self.c) - 1, -1, -1):
			a = self.c[k]
			if a == 0:
				continue
			sign = "-" if a < 0 else "+"
			a = abs(a)
			body = "" if (a == 1 and k > 0) else str(a)
			if k >= 1:
				body += "x"
			if k > 1:
				body += "^" + str(k)
			parts.append((sign, body))
		if not parts:
			return "0"
		s = ("-" if parts[0][0] == "-" else "") + parts[0][1]
		for sign, body in parts[1:]:
			s += " " + sign + " " + body
		return s


if __name__ == "__main__":
	p = Poly([-1, 0, 3])
	q = Poly([2, 1])
	print("p    =", p)
	print("q    =", q)
	print("p+q  =", p + q)
	print("p*q  =", p * q)
	print("p'   =", p.derive())
	print("(p*q)(2) =", (p * q)(2))
	# print(p / q)   not done yet
