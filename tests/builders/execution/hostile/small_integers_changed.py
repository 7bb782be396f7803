# must: integers that are something else now are so in this process alone
# accept: ok exception refused died timeout memory not_json:type
import ctypes


def main_solution(x):
    for number in (1, 2, 5, 100):
        ctypes.memset(id(number) + object.__basicsize__ + 8, 3, 4)
    return 1 + 1
