# SPDX-License-Identifier: Apache-2.0
# exact matrices with fractions, because I had enough of 0.30000000000000004
from fractions import Fraction
import copy


class Matrix:
    def __init__(self, rows):
        self.rows = [[Fraction(v) for v in row] for row in rows]
        self.n = len(self.rows)
        self.m = len(self.rows[0])
        for row in self.rows:
            if len(row) != self.m:
                raise ValueError("rows have different lengths")

    @classmethod
    def identity(cls, n):
        return cls([[1 if i == j else 0 for j in range(n)] for i in range(n)])

    def __eq__(self, other):
        return self.rows == other.rows

    def __mul__(self, other):
        if self.m != other.n:
            raise ValueError("shapes do not fit")
        out = []
        for i in range(self.n):
            row = []
            for j in range(other.m):
                row.append(sum(self.rows[i][k] * other.rows[k][j] for k in range(self.m)))
            out.append(row)
        return Matrix(out)

    def transpose(self):
        return Matrix([list(col) for col in zip(*self.rows)])

    def det(self):
        if self.n != self.m:
            raise ValueError("not square")
        a = copy.deepcopy(self.rows)
        sign = 1
        result = Fraction(1)
        for col in range(self.n):
            # find a pivot
            piv = None
            for r in range(col, self.n):
                if a[r][col] != 0:
                    piv = r
                    break
            if piv is None:
                return Fraction(0)
            if piv != col:
                a[piv], a[col] = a[col], a[piv]
                sign = -sign
            result *= a[col][col]
            for r in range(col + 1, self.n):
                f = a[r][col] / a[col][col]
                for c in range(col, self.n):
                    a[r][c] -= f * a[col][c]
        return sign * result

    def inverse(self):
        """Gauss-Jordan on [A | I]; None if there is no inverse."""
        if self.n != self.m:
            raise ValueError("not square")
        n = self.n
        a = [self.rows[i][:] + Matrix.identity(n).rows[i] for i in range(n)]
        for col in range(n):
            piv = next((r for r in range(col, n) if a[r][col] != 0), None)
            if piv is None:
                return None
            a[col], a[piv] = a[piv], a[col]
            d = a[col][col]
            a[col] = [v / d for v in a[col]]
            for r in range(n):
                if r != col and a[r][col] != 0:
                    f = a[r][col]
                    a[r] = [x - f * y for x, y in zip(a[r], a[col])]
        return Matrix([row[n:] for row in a])

    def __str__(self):
        cells = [[str(v) for v in row] for row in self.rows]
        w = max(len(s) for row in cells for s in row)
        return "\n".join("[" + "  ".join(s.rjust(w) for s in row) + "]" for row in cells)


def demo():
    A = Matrix([[2, 1, 0], [1, 3, 1], [0, 1, 4]])
    print(A)
    print("det", A.det())
    inv = A.inverse()
    print(inv)
    assert A * inv == Matrix.identity(3)
    B = Matrix([[1, 2], [2, 4]])
    print("det of singular:", B.det(), "inverse:", B.inverse())
    print(Matrix([["1/2", "1/3"]]) * Matrix([[6], [9]]))


demo()
