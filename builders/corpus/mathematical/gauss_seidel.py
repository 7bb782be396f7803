# SPDX-License-Identifier: Apache-2.0
import numpy as np
import sys

#metodo iterativo de Gauss-Seidel para A x = b
#para cuando el cambio es menor que tol

def es_dominante(A):
    #cada |a_ii| debe ser mayor que la suma del resto de la fila
    A = np.abs(A)
    d = np.diag(A)
    resto = A.sum(axis=1) - d
    return bool(np.all(d > resto))


def gauss_seidel(A, b, tol=1e-8, max_iter=100):
    n = len(b)
    x = np.zeros(n)
    for it in range(1, max_iter+1):
        viejo = x.copy()
        for i in range(n):
            s1 = np.dot(A[i, :i], x[:i])
            s2 = np.dot(A[i, i+1:], viejo[i+1:])
            x[i] = (b[i] - s1 - s2) / A[i, i]
        error = np.max(np.abs(x - viejo))
        #print(it, x, error)
        if error < tol:
            return x, it
    return None, max_iter


A = np.array([[10., -1., 2., 0.],
              [-1., 11., -1., 3.],
              [2., -1., 10., -1.],
              [0., 3., -1., 8.]])
b = np.array([6., 25., -11., 15.])

if not es_dominante(A):
    print("cuidado: la matriz no es diagonal dominante")
    sys.exit()

x, n = gauss_seidel(A, b)
print("x =", np.round(x, 6), "en", n, "iteraciones")
print("residuo:", np.linalg.norm(A.dot(x) - b))
#comparar
print("numpy:", np.linalg.solve(A, b))
