# SPDX-License-Identifier: Apache-2.0
# molar mass of a chemical formula, brackets allowed:  Ca(OH)2 , Al2(SO4)3
import re

MASS = {
    'H': 1.008, 'He': 4.003, 'Li': 6.94, 'C': 12.011, 'N': 14.007, 'O': 15.999,
    'F': 18.998, 'Na': 22.990, 'Mg': 24.305, 'Al': 26.982, 'Si': 28.085, 'P': 30.974,
    'S': 32.06, 'Cl': 35.45, 'K': 39.098, 'Ca': 40.078, 'Fe': 55.845, 'Cu': 63.546,
    'Zn': 65.38, 'Ag': 107.868, 'I': 126.904,
}


def parse(formula):
    '''returns dict element -> count'''
    stack = [{}]
    tokens = re.findall(r'([A-Z][a-z]?|\(|\))(\d*)', formula)
    for sym, num in tokens:
        n = int(num) if num else 1
        if sym == '(':
            stack.append({})
        elif sym == ')':
            inner = stack.pop()
            for el in inner:
                stack[-1][el] = stack[-1].get(el, 0) + inner[el] * n
        else:
            if sym not in MASS:
                raise KeyError('unknown element ' + sym)
            stack[-1][sym] = stack[-1].get(sym, 0) + n
    return stack[0]


def molar_mass(formula):
    return sum(MASS[el] * n for el, n in parse(formula).items())


def percent(formula):
    total = molar_mass(formula)
    counts = parse(formula)
    out = {}
    for el in sorted(counts):
        out[el] = round(100 * MASS[el] * counts[el] / total, 2)
    return out


if __name__ == "__main__":
    while 1:
        f = input('Formula (Enter to stop): ').strip()
        if not f:
            break
        try:
            print('M = %.3f g/mol' % molar_mass(f))
            for el, p in percent(f).items():
                print('   %-2s %6.2f %%' % (el, p))
        except KeyError as err:
            print(err)

# print(parse('Al2(SO4)3'))  -> {'Al': 2, 'S': 3, 'O': 12}
