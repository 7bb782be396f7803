# SPDX-License-Identifier: Apache-2.0
"""
Truth tables for propositional formulas.

    ~p        not
    p & q     and
    p | q     or
    p -> q    implies  (right associative)
    p <-> q   iff

A variable is one lower case letter.
"""
import itertools
import sys


def tokens(s):
    out = []
    i = 0
    while i < len(s):
        if s[i].isspace():
            i += 1
        elif s.startswith("<->", i):
            out.append("<->")
            i += 3
        elif s.startswith("->", i):
            out.append("->")
            i += 2
        elif s[i] in "()~&|" or s[i].islower():
            out.append(s[i])
            i += 1
        else:
            raise SyntaxError("bad character %r" % s[i])
    return out


class Parser:
    # lowest to highest:  <->   ->   |   &   ~
    LEVELS = ["<->", "->", "|", "&"]

    def __init__(self, toks):
        self.toks = toks
        self.i = 0

    def peek(self):
        return self.toks[self.i] if self.i < len(self.toks) else None

    def parse(self):
        tree = self.level(0)
        if self.peek() is not None:
            raise SyntaxError("unexpected " + self.peek())
        return tree

    def level(self, n):
        if n == len(self.LEVELS):
            return self.atom()
        left = self.level(n + 1)
        op = self.LEVELS[n]
        while self.peek() == op:
            self.i += 1
            if op == "->":
                return (op, left, self.level(n))
            left = (op, left, self.level(n + 1))
        return left

    def atom(self):
        t = self.peek()
        self.i += 1
        if t == "~":
            return ("~", self.atom())
        if t == "(":
            tree = self.level(0)
            if self.peek() != ")":
                raise SyntaxError("missing )")
            self.i += 1
            return tree
        if t is None or not t.islower():
            raise SyntaxError("variable expected, got %s" % t)
        return t


def value(tree, env):
    if isinstance(tree, str):
        return env[tree]
    if tree[0] == "~":
        return not value(tree[1], env)
    a = value(tree[1], env)
    b = value(tree[2], env)
    if tree[0] == "&": return a and b
    if tree[0] == "|": return a or b
    if tree[0] == "->": return (not a) or b
    return a == b


def classify(formula):
    toks = tokens(formula)
    tree = Parser(toks).parse()
    names = sorted(set(t for t in toks if t.islower()))
    rows = []
    for bits in itertools.product([False, True], repeat=len(names)):
        rows.append((bits, value(tree, dict(zip(names, bits)))))
    results = [r for _, r in rows]
    if all(results):
        kind = "tautology"
    elif any(results):
        kind = "contingent"
    else:
        kind = "contradiction"
    return names, rows, kind


if __name__ == "__main__":
    f = sys.argv[1] if len(sys.argv) > 1 else "(p -> q) <-> (~q -> ~p)"
    names, rows, kind = classify(f)
    print(" ".join(names), "|", f)
    print("-" * (2 * len(names) + 2 + len(f)))
    for bits, r in rows:
        print(" ".join("01"[b] for b in bits), "|", "01"[r])
    print("=>", kind)
