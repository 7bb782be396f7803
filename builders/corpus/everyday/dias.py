# SPDX-License-Identifier: Apache-2.0
# calcula cuántos días hay entre dos fechas, sin usar datetime
# y el día de la semana de la segunda fecha

NOMBRES = ["lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo"]

def bisiesto(a):
    return a % 4 == 0 and (a % 100 != 0 or a % 400 == 0)

def dias_mes(m, a):
    if m == 2:
        return 29 if bisiesto(a) else 28
    if m in (4, 6, 9, 11):
        return 30
    return 31

# días desde el 1/1/1
def numero(d, m, a):
    n = 0
    for anyo in range(1, a):
        n += 366 if bisiesto(anyo) else 365
    for mes in range(1, m):
        n += dias_mes(mes, a)
    return n + d - 1

d1, m1, a1 = map(int, input("fecha 1 (dd/mm/aaaa): ").split("/"))
d2, m2, a2 = map(int, input("fecha 2 (dd/mm/aaaa): ").split("/"))
dif = numero(d2, m2, a2) - numero(d1, m1, a1)
print("hay", abs(dif), "dias")
# el 1/1/1 fue lunes
print("la segunda fecha cae en", NOMBRES[numero(d2, m2, a2) % 7])
