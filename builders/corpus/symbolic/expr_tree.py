# SPDX-License-Identifier: Apache-2.0
# Symbolic differentiation with a small class hierarchy (OOP homework 4)


class Expr:
    def eval(self, x):
        raise NotImplementedError

    def diff(self):
        raise NotImplementedError

    def simplify(self):
        return self

    def __repr__(self):
        return "<Expr %s>" % self


class Num(Expr):
    def __init__(self, v): self.v = v
    def eval(self, x): return self.v
    def diff(self): return Num(0)
    def __str__(self): return str(self.v)


class X(Expr):
    def eval(self, x): return x
    def diff(self): return Num(1)
    def __str__(self): return "x"


class BinOp(Expr):
    def __init__(self, a, b):
        self.a = a
        self.b = b

    def __str__(self):
        return "(%s %s %s)" % (self.a, self.sign, self.b)


class Add(BinOp):
    sign = "+"

    def eval(self, x):
        return self.a.eval(x) + self.b.eval(x)

    def diff(self):
        return Add(self.a.diff(), self.b.diff())

    def simplify(self):
        a, b = self.a.simplify(), self.b.simplify()
        if isinstance(a, Num) and isinstance(b, Num):
            return Num(a.v + b.v)
        if isinstance(a, Num) and a.v == 0:
            return b
        if isinstance(b, Num) and b.v == 0:
            return a
        return Add(a, b)


class Mul(BinOp):
    sign = "*"

    def eval(self, x):
        return self.a.eval(x) * self.b.eval(x)

    def diff(self):
        # product rule
        return Add(Mul(self.a.diff(), self.b), Mul(self.a, self.b.diff()))

    def simplify(self):
        a, b = self.a.simplify(), self.b.simplify()
        if isinstance(a, Num) and isinstance(b, Num):
            return Num(a.v * b.v)
        for n, other in ((a, b), (b, a)):
            if isinstance(n, Num) and n.v == 0:
                return Num(0)
            if isinstance(n, Num) and n.v == 1:
                return other
        return Mul(a, b)


def build(t):
    """('+', 'x', ('*', 3, 'x'))  ->  Expr"""
    if t == "x":
        return X()
    if isinstance(t, int):
        return Num(t)
    op, l, r = t
    return {"+": Add, "*": Mul}[op](build(l), build(r))


if __name__ == '__main__':
    e = build(('+', ('*', 'x', ('*', 'x', 3)), ('+', 'x', 7)))
    print("f   =", e)
    d = e.diff().simplify()
    print("f'  =", d)
    print("f'' =", d.diff().simplify())
    for x in range(-2, 3):
        print(x, e.eval(x), d.eval(x))
